-- Which Secondary is to take over: what each holds, and what it would lose.

local failures = require("homeward.failures")
local hw = require("homeward")
local running = require("homeward.running")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

-- "0.400" as a number; ids order updates of one history.
local function number(id)
  local high, low = tostring(id):match("^(%d+)%.(%d+)$")
  return high and (tonumber(high) << 32 | tonumber(low)) or math.tointeger(tonumber(id))
end

-- What a Secondary has heard of its Primary's end.
local function heard(member)
  local link = member.follows and scenes.link(member, member.follows)
  if not link then return nil end
  local ok, updates = pcall(function() return hw.host(member.name):rlink(member.dg, link.name):updates() end)
  return ok and updates.primary_id and number(updates.primary_id) or nil
end

-- What a Primary that answers and is shut holds of the reign that the Secondary's data are of; 0 without one.
local function shut(set, member)
  local most = 0
  for _, name in ipairs(set.names) do
    local other = set.members[name]
    local is_same = other.reign and member.reign and other.reign.id == member.reign.id
    if other.reachable and other.role == "primary" and is_same then
      most = math.max(most, number(other.position) or 0)
    end
  end
  return most
end

-- The reign in the history of `one` that followed the last one of `other`; nil when none did.
local function following(one, other)
  if one.reign == other.reign then return nil end
  for i, reign in ipairs(one.reigns) do
    if reign.id == other.reign then return one.reigns[i + 1] end
  end
  return nil
end

local function order(left, right) return left == right and "same" or left > right and "more" or "less" end

-- How a Secondary stands to another: "more", "same", "less", or nil where neither holds what the other does. What was
-- written in a reign that followed is more, whatever the ids; its first id is not data, but tells of the role.
local function compared(one, other)
  if one.reign == other.reign then return order(one.held, other.held) end
  local since = following(one, other)
  if since then return one.held > since.first and "more" or order(since.first - 1, other.held) end
  since = following(other, one)
  if since then return other.held > since.first and "less" or order(one.held, since.first - 1) end
  return nil
end

-- The reign that one of these Secondaries has data of, and that followed the last one of `entry`.
local function overtaken(entry, ranks)
  for _, other in ipairs(ranks) do
    local since = other.consistent and following(other, entry)
    if since and other.held > since.first then return since, other end
  end
  return nil
end

local function entry_of(member)
  local reigns = {}
  for _, epoch in ipairs(member.history) do
    if epoch.kind ~= "restart" then
      reigns[#reigns + 1] = { id = epoch.id, host = epoch.host, number = epoch.number,
        first = number(epoch.first_id) or 0 }
    end
  end
  return { name = member.name, id = member.position, held = number(member.position) or 0,
    consistent = member.consistent, reign = member.reign and member.reign.id, reigns = reigns }
end

-- The reachable Secondaries, the one that holds most first: { ranks = { { name, id, held, consistent, … } },
-- newest = { reign = the last update known of it }, silent = { … } }.
local function rank(set)
  local result = { ranks = {}, newest = {}, silent = {} }
  for _, name in ipairs(set.names) do
    local member = set.members[name]
    if member.reachable and member.role == "secondary" then
      local entry = entry_of(member)
      result.ranks[#result.ranks + 1] = entry
      if entry.reign then
        local known = math.max(heard(member) or 0, shut(set, member), result.newest[entry.reign] or 0)
        result.newest[entry.reign] = known > 0 and math.max(known, entry.consistent and entry.held or 0) or nil
      end
    elseif not member.reachable then
      result.silent[#result.silent + 1] = name
    end
  end
  for _, entry in ipairs(result.ranks) do
    entry.outranks = 0
    for _, other in ipairs(result.ranks) do
      if compared(entry, other) == "more" then entry.outranks = entry.outranks + 1 end
    end
  end
  table.sort(result.ranks, function(a, b)
    if a.consistent ~= b.consistent then return a.consistent end
    if a.outranks ~= b.outranks then return a.outranks > b.outranks end
    if a.held ~= b.held then return a.held > b.held end
    return a.name < b.name
  end)
  return result
end

-- What is lost, as far as anybody that answers has heard: `missing` updates, nil when nobody has heard of any.
local function loss(missing)
  if not missing or missing <= 0 then return "no later one was heard of, so what is lost is not known" end
  return ("at least %s %s lost"):format(words.count(missing, "update"), missing == 1 and "is" or "are")
end

-- "london holds updates up to 0.400; at least 12 updates are lost"
local function line(result, entry)
  if not entry.consistent then return ("%s is inconsistent and cannot take over"):format(entry.name) end
  local text = ("%s holds updates up to %s"):format(entry.name, tostring(entry.id))
  local since = overtaken(entry, result.ranks)
  if since then
    return ("%s of the time before %s became Primary (epoch %d); what was written since is lost"):format(text,
      since.host, since.number)
  end
  local newest = result.newest[entry.reign]
  return ("%s; %s"):format(text, loss(newest and newest - entry.held))
end

-- Each Secondary in one line.
local function lines(result)
  local list = {}
  for i, entry in ipairs(result.ranks) do list[i] = line(result, entry) end
  if #result.silent > 0 then
    list[#list + 1] = ("%s: no answer, so what is held there is not known"):format(table.concat(result.silent, ", "))
  end
  return list
end

-- What is left to do where `set` has no open Primary: a consistent Secondary takes over, hosts that are silent are
-- started, or a Primary that is shut is opened as it is.
local function way_out(set, result)
  local best = result.ranks[1]
  if best and best.consistent then return ("choose a consistent one: to=%s"):format(best.name) end
  local ways = {}
  if #result.silent > 0 then ways[1] = "start what does not answer: " .. table.concat(result.silent, ", ") end
  for _, name in ipairs(set.primaries) do
    local member = set.members[name]
    if member.shut then
      ways[#ways + 1] = ("open %s with the data that it holds, though another may have gone on: "
        .. "vxrvg -g %s -f start %s --host %s"):format(name, member.dg, member.rvg, name)
    end
  end
  if #ways == 0 then return "how the hosts stand: homeward status" end
  return table.concat(ways, "; or ")
end

-- Why nobody may take over beside Primaries that are open, with the hint that a single one calls for; nil where none
-- is.
local function open_primaries(set, hint)
  return scenes.rivalry(set) or set.open and { code = "primary-reachable", object = set.rvg, host = set.open,
    message = ("the Primary %s answers"):format(set.open), hint = hint } or nil
end

local function infer(look)
  local set = look.set
  if not set then return nil, false end
  local problem = open_primaries(set, "with both hosts up the role is moved by: homeward run migrate")
  if problem then return nil, problem end
  local result = rank(set)
  local best = result.ranks[1]
  if not best or not best.consistent then
    return nil, { message = "no consistent Secondary answers" .. (#result.ranks > 0 and ": "
      .. table.concat(lines(result), "; ") or ""), hint = way_out(set, result) }
  end
  for _, other in ipairs(result.ranks) do
    local how = compared(best, other)
    if other ~= best and other.consistent and how ~= "more" then
      local text = how == "same" and "%s and %s hold the same, so which is to take over is yours to say: %s"
        or "%s and %s hold what the other does not, so which is to take over is yours to say: %s"
      return nil, { message = text:format(best.name, other.name, table.concat(lines(result), "; ")),
        hint = ("choose: to=%s"):format(best.name) }
    end
  end
  return best.name
end

-- The parameter `to`: the one Secondary that holds most. Of a run before this one it is kept while that host answers.
function M.parameter()
  return { type = "host", infer = infer,
    fresh = function(look, name) return not look.scene.hosts[name] or not look.scene.hosts[name].reachable end,
    help = "the Secondary that becomes Primary: the one that holds most; where two hold the same it has to be given" }
end

function M.check(ctx, check, to, worse)
  local set = check.set
  if set.open == to then return end
  local problem = open_primaries(set, ("homeward run migrate to=%s"):format(to))
  if problem then
    check:refuse(problem)
    return
  end
  local member = set.members[to]
  if member.role == "primary" then
    check:refuse{ code = "fenced", host = to, object = ctx.params.rvg,
      message = ("%s is a Primary that is %s%s"):format(to, member.state or "closed",
        member.reason and ": " .. member.reason or ""),
      hint = ("start the hosts that it waits for, or: vxrvg -g %s -f start %s --host %s"):format(member.dg,
        member.rvg, to) }
    return
  end
  local result = rank(set)
  check:that(member.consistent, { code = "inconsistent", host = to, object = ctx.params.rvg,
    message = to .. " is inconsistent and cannot take over", hint = way_out(set, result) })
  if worse then return end
  local own = entry_of(member)
  local since, holder = overtaken(own, result.ranks)
  for _, other in ipairs(since and { holder } or result.ranks) do
    if other.consistent and compared(other, own) == "more" then
      local text = since and ("%s holds what was written since %s became Primary, and %s does not"):format(other.name,
          since.host, to)
        or ("%s holds %s more than %s"):format(other.name, words.count(other.held - own.held, "update"), to)
      check:refuse{ code = "better-secondary", host = to, object = ctx.params.rvg,
        message = ("%s: %s"):format(text, table.concat(lines(result), "; ")),
        hint = ("to=%s; or worse=yes, and they are lost"):format(other.name) }
      return
    end
  end
end

-- The step: shows the ranking, then takes over without fast failback.
function M.takeover(ctx, to, worse)
  return {
    done = function() return scenes.of(ctx).open == to and ("%s is the Primary"):format(to) end,
    run = function()
      -- Links are asked for it.
      local texts = running.of(ctx).is_trial and {} or lines(rank(scenes.of(ctx)))
      for _, text in ipairs(texts) do ctx.step.note(text) end
      local rvg = scenes.rvg(scenes.of(ctx), to)
      local result = rvg:takeover{ force = worse or nil }
      local report = result.takeover
      if not report then return result end
      result.summary = ("%s; last update kept %s; %s"):format(result.summary, tostring(report.fork_id),
        loss(report.lost_at_least))
      return result
    end,
  }
end

-- For scripts of a site: the lines of the ranking.
function M.lines(ctx)
  if not running.of(ctx).set then failures.raise{ code = "bad-argument", message = "the runbook names no RVG" } end
  return lines(rank(scenes.of(ctx)))
end

return M
