-- Parameters that several runbooks have, and how each is inferred from the hosts.
--
-- An `infer` function gets { scene, set, past, value = function(name) }; it returns the value, or nil and
-- { message, hint }, or nil and false when what it follows from is missing, or nil when there is simply none.

local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

local function distinct(look, field, filter)
  local list, known = {}, {}
  for _, set in ipairs(scenes.sets(look.scene)) do
    local value = set[field]
    if value and not known[value] and (not filter or filter(set)) then
      known[value] = true
      list[#list + 1] = value
    end
  end
  table.sort(list)
  return list
end

local function only(name, what, list, example)
  if #list == 1 then return list[1] end
  if #list == 0 then
    return nil, { message = ("no %s is known to the hosts that answer"):format(what),
      hint = ("give it: %s=%s; what the hosts have: homeward status"):format(name, example) }
  end
  return nil, { message = ("the hosts know %d: %s"):format(#list, table.concat(list, ", ")),
    hint = ("give one: %s=%s"):format(name, list[1]) }
end

function M.dg()
  return { type = "string", help = "the disk group of the RVG", infer = function(look)
    local rvg = look.given.rvg
    local known = distinct(look, "rvg")
    -- It is the name of the RVG that is wrong, and nothing is missing.
    if rvg and #known > 0 and not words.among(rvg, known) then
      return nil, { code = "unknown-rvg", object = rvg,
        message = ("no host that answers has an RVG of that name; there is %s%s"):format(words.list(known),
          words.suggestion(rvg, known)),
        hint = "correct it: rvg=" .. known[1] .. "; what the hosts have: homeward status" }
    end
    return only("dg", "disk group with an RVG",
      distinct(look, "dg", rvg and function(set) return set.rvg == rvg end), "hrdg")
  end }
end

function M.rvg()
  return { type = "string", help = "the RVG", infer = function(look)
    local dg = look.value("dg")
    if not dg then return nil, false end
    return only("rvg", "RVG", distinct(look, "rvg", function(set) return set.dgs[dg] end), "hr_rvg")
  end }
end

local function candidates(set, but)
  local names = {}
  for _, name in ipairs(set.names) do
    if name ~= but then names[#names + 1] = name end
  end
  return names
end

-- The Primary before the takeover.
local function home(look)
  local set = look.set
  if not set then return nil, false end
  local primary = set.open and set.members[set.open]
  if not primary then
    return nil, { message = #set.opened > 1
        and ("%s are open Primaries, and one has to give way first"):format(words.list(set.opened))
        or "no open Primary answers, so it is not known which host was Primary before",
      hint = ("give it: home=%s; the roles: homeward status"):format(set.names[1] or "HOST") }
  end
  local reign, before = primary.reign, primary.before
  if reign and reign.kind == "takeover" and before and before.host ~= primary.name then return before.host end
  if look.past.finished == primary.name then return primary.name end
  local others = candidates(set, primary.name)
  return nil, { message = ("%s did not become Primary by a takeover, so there is no way back to infer"):format(
      primary.name),
    hint = ("give it: home=%s; or move the role with: homeward run migrate to=%s"):format(
      others[1] or "HOST", others[1] or "HOST") }
end

function M.home()
  return { type = "host", help = "the host to come home to: the Primary before the takeover", infer = home }
end

-- All others than the old and the new Primary.
function M.secondaries()
  return { type = "hosts", help = "further Secondaries, in the order in which they are synchronized",
    fresh = true,
    infer = function(look)
      local set, home_host = look.set, look.value("home")
      if not set or not home_host then return nil, false end
      local away = M.away(set, home_host)
      local names = {}
      for _, name in ipairs(set.names) do
        if name ~= home_host and name ~= away then names[#names + 1] = name end
      end
      return names
    end }
end

-- The host that has the role while it is not at home; once the role is at home, the one that handed it over.
function M.away(set, home_host)
  if set.open and set.open ~= home_host then return set.open end
  local primary = set.open and set.members[set.open]
  if primary and primary.before and primary.before.host ~= home_host then return primary.before.host end
  return nil
end

-- The Secondary that is to become Primary, where there is only one.
function M.to()
  return { type = "host", help = "the Secondary that becomes Primary", infer = function(look)
    local set = look.set
    if not set then return nil, false end
    if not set.open then
      return nil, { message = "no open Primary answers", hint = "give it: to=HOST; the roles: homeward status" }
    end
    return only("to", "Secondary", candidates(set, set.open), "HOST")
  end }
end

-- Further Secondaries to which replication runs. Those of a run before this one count once the role has moved, which
-- detached them; until then the links say more, and that run may have gone to another host.
function M.attached()
  return { type = "hosts", help = "further Secondaries, to which replication is started again",
    fresh = function(look) return look.set and look.set.open and look.set.open ~= look.value("to") or false end,
    infer = function(look)
      local set, to = look.set, look.value("to")
      local primary = set and set.open and set.members[set.open]
      if not primary or not to then return nil, false end
      local names = {}
      for _, link in ipairs(primary.links) do
        if link.secondary ~= to and link.kstate ~= "DETACHED" then names[#names + 1] = link.secondary end
      end
      table.sort(names)
      return names
    end }
end

M.discard_unsent = {
  type = "string", default = "ask", choices = { "ask", "yes", "no" }, fresh = true,
  help = "give up updates of the old Primary that never reached the new one",
}
M.on_failure = {
  type = "string", default = "restart", choices = { "restart", "leave" },
  help = "a step fails while the application is stopped: start it again where the Primary is, or leave it",
}

function M.checkpoint(name)
  return { type = "checkpoint", default = name, help = "the name of the checkpoint, at most 19 characters" }
end

M.sync_speed = {
  type = "number", default = 50,
  help = "MiB/s that the comparison is expected to reach; the preflight asks whether the log is large enough",
}

return M
