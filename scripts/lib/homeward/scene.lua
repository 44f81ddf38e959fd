-- The hosts as they stand now, each asked itself: with two Primaries no single host's word is enough.

local hw = require("homeward")
local failures = require("homeward.failures")
local running = require("homeward.running")
local words = require("homeward.words")

local M = {}

local function ask(name)
  return function()
    local ok, answer = pcall(function() return hw.host(name):status() end)
    if not ok then return { name = name, reachable = false, failure = failures.from(answer) } end
    return { name = name, reachable = true, version = answer.version, process = answer.process,
      settled = answer.settled,
      dgs = answer.dgs or {}, peers = answer.peers or {}, rvgs = answer.rvgs or {} }
  end
end

-- Asks all hosts that are known here. Raises only when nobody answers who knows them.
--
-- { names = { … }, hosts = { name = { name, reachable, failure?, version, dgs, rvgs } } }
function M.look()
  local names, questions = {}, {}
  for i, host in ipairs(hw.hosts()) do
    names[i] = host.name
    questions[i] = ask(host.name)
  end
  local scene = { names = names, hosts = {} }
  local ok, answers = pcall(function() return { hw.parallel(questions) } end)
  if not ok then
    -- A run that was cancelled may still wait while it cleans up, but begins nothing beside itself.
    answers = {}
    for i, question in ipairs(questions) do answers[i] = question() end
  end
  for _, host in ipairs(answers) do scene.hosts[host.name] = host end
  return scene
end

-- The RVGs of a scene, counterparts together, in the order of their names:
-- { { id, dg, rvg, names = { host, … }, dgs = { name of the disk group on some host = true, … } }, … }.
function M.sets(scene)
  local sets, known = {}, {}
  for _, name in ipairs(scene.names) do
    for _, rvg in ipairs(scene.hosts[name].rvgs or {}) do
      local set = known[rvg.id]
      if not set then
        set = { id = rvg.id, dg = rvg.dg, rvg = rvg.rvg, names = {}, dgs = {} }
        known[rvg.id] = set
        sets[#sets + 1] = set
      end
      set.names[#set.names + 1] = name
      set.dgs[rvg.dg] = true
    end
  end
  return sets
end

-- Epochs that opened a reign; an unclean start goes on with the one before. The last, and the one before it.
local function reigns(history)
  local last, previous
  for _, epoch in ipairs(history or {}) do
    if epoch.kind ~= "restart" then last, previous = epoch, last end
  end
  return last, previous
end

local function member(host, rvg)
  local own = rvg.hosts[1] or {}
  local reign, before = reigns(own.history)
  return {
    name = host.name, reachable = true, version = host.version, process = host.process, dg = own.dg, rvg = own.rvg,
    role = own.role or "none", state = own.state, reason = own.reason, follows = own.follows,
    shut = own.shut, consistent = own.consistent, position = own.position, log = own.log or {}, links = own.links or {},
    volumes = own.volumes or {}, open_by = own.open_by or {}, activity = own.activity or {},
    history = own.history or {}, reign = reign, before = before, config_errors = rvg.config_errors or {},
  }
end

-- The link of a member to another host; nil when it has none.
function M.link(from, host)
  for _, link in ipairs(from and from.links or {}) do
    if link.secondary == host then return link end
  end
  return nil
end

local function is_linked(set, host)
  for _, other in pairs(set.members) do
    if M.link(other, host) then return true end
  end
  return false
end

-- The ids of the RVGs that some host has by these names.
local function ids_of(scene, dg, rvg)
  local ids = {}
  for _, set in ipairs(M.sets(scene)) do
    if set.rvg == rvg and set.dgs[dg] then ids[set.id] = true end
  end
  return ids
end

-- One RDS: { dg, rvg, names, members = { host = … }, open = the one open Primary or nil, primaries = { … } }.
-- Members that do not answer are there with reachable = false. On some hosts its disk group may have another name.
function M.set(scene, dg, rvg)
  local set = { dg = dg, rvg = rvg, names = {}, members = {}, primaries = {} }
  local opened, ids = {}, ids_of(scene, dg, rvg)
  for _, name in ipairs(scene.names) do
    local host = scene.hosts[name]
    for _, candidate in ipairs(host.rvgs or {}) do
      if ids[candidate.id] then
        local found = member(host, candidate)
        set.names[#set.names + 1] = name
        set.members[name] = found
        if found.role == "primary" then
          set.primaries[#set.primaries + 1] = name
          if found.state == "enabled" then opened[#opened + 1] = name end
        end
      end
    end
  end
  -- Those that are silent, as far as others have links to them; all of them, where nobody answers who would.
  local is_known = #set.names > 0
  for _, name in ipairs(scene.names) do
    if not scene.hosts[name].reachable and (not is_known or is_linked(set, name)) then
      set.names[#set.names + 1] = name
      set.members[name] = { name = name, reachable = false, role = "none", links = {}, volumes = {}, open_by = {},
        activity = {}, history = {}, log = {}, failure = scene.hosts[name].failure }
    end
  end
  table.sort(set.names)
  set.open = #opened == 1 and opened[1] or nil
  set.opened = opened
  return set
end

-- The RVG on one of the hosts, by the name of its disk group there.
function M.rvg(set, host)
  local one = set.members[host]
  return hw.host(host):rvg(one and one.dg or set.dg, set.rvg)
end

-- The RDS for its verbs: by the name of the RVG alone where its disk group has not the same name on all hosts.
function M.rds(set)
  for _, one in pairs(set.members) do
    if one.dg and one.dg ~= set.dg then return hw.rds(set.rvg) end
  end
  return hw.rds(set.dg, set.rvg)
end

-- Why nothing goes on beside several open Primaries; nil where there are not several.
function M.rivalry(set)
  if #set.opened < 2 then return nil end
  return { code = "primary-primary", object = set.rvg,
    message = ("%s are open Primaries"):format(words.list(set.opened)),
    hint = ("on HOST, the one that gives way, in its group DG: vradmin -g DG makesec %s NEWPRIMARY --host HOST"):format(
      set.rvg) }
end

-- Whether a change of role is under way, or committed and not yet known everywhere.
function M.is_moving(set)
  for _, name in ipairs(set.names) do
    local one = set.members[name]
    for _, line in ipairs(one.activity) do
      if line:find("migrate", 1, true) or line:find("takeover", 1, true) or line:find("in doubt", 1, true) then
        return true
      end
    end
    local followed = one.follows and set.members[one.follows]
    if not set.open and followed and followed.reachable and followed.role == "secondary" then return true end
  end
  return false
end

-- The RDS of a context, looked at now; where a run is only tried, nothing changes, and no host is asked again.
function M.of(ctx)
  local run = running.of(ctx)
  return M.set(run.is_trial and run.scene or M.look(), ctx.params.dg, ctx.params.rvg)
end

return M
