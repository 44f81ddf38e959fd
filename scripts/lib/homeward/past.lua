-- What the journal knows of the run before this one, and what follows from it.

local engine = require("homeward.engine")

local M = {}

-- Folds the steps of a run into what they did with the application.
local function application(run)
  local start = run.parameters.start or {}
  local app = start.application or {}
  app = { touched = app.touched or false, on = app.on, reign = app.reign, since = app.since }
  for _, step in ipairs(run.steps) do
    local detail = step.detail or {}
    -- What was skipped did nothing.
    local id = step.state ~= "skipped" and step.id
    if id == "stop-application" then
      app.touched, app.on, app.reign = true, nil, nil
      app.since = app.since or step.started
    elseif id == "start-application" or id == "restart-application" then
      if step.state == "done" and detail.host then
        app.touched, app.on, app.reign, app.since = false, detail.host, detail.reign, nil
      else
        app.touched = true
      end
    end
  end
  return app
end

-- Whether a run is one of the RDS, whichever host's name of its disk group it was given.
-- Without an RDS, whether it is of none.
function M.is_of(set, run)
  local values = run.parameters or {}
  if not set then return values.rvg == nil and values.dg == nil end
  if values.rvg ~= set.rvg then return false end
  if values.dg == set.dg then return true end
  for _, member in pairs(set.members) do
    if member.dg == values.dg then return true end
    for _, link in ipairs(member.links) do
      if link.remote_dg == values.dg then return true end
    end
  end
  return false
end

-- The members whose reigns are those of the RDS: its open Primary; without one, all that answer and have one.
local function reigning(set)
  local members = {}
  for _, name in ipairs(set and (set.open and { set.open } or set.names) or {}) do
    local member = set.members[name]
    if member.reign then members[#members + 1] = member end
  end
  return members
end

-- The reigns in which an RDS is.
function M.reigns(set)
  local ids = {}
  for i, member in ipairs(reigning(set)) do ids[i] = member.reign.id end
  return ids
end

-- Whether the run ended the reign before `reign` itself.
local function ended_by(run, reign)
  return reign.kind == "migrate" or reign.kind == "takeover" and reign.host == run.parameters.to
end

-- Whether a run belongs to the present reign, or to the one that it ended itself. Nil where that is not known.
local function belongs(run, set)
  local start = run.parameters.start
  local began = {}
  for _, id in ipairs(start and start.reigns or {}) do began[id] = true end
  local members = reigning(set)
  if not next(began) or #members == 0 then return nil end
  for _, member in ipairs(members) do
    local reign, before = member.reign, member.before
    if began[reign.id] or before and began[before.id] and ended_by(run, reign) then return true end
  end
  return false
end

-- The newest run of a runbook for this RDS.
local function last_of(runbook, set)
  local run = engine.last_run(runbook)
  while run and not M.is_of(set, run) do run = engine.last_run(runbook, run.id) end
  return run
end

-- Whether a step did anything. A checkpoint whose name was taken when it was to be made is somebody else's.
local function is_begun(step)
  return step.state ~= "skipped" and (step.detail or {}).code ~= "checkpoint-name-in-use"
end

-- Reads the newest run of a runbook.
--
-- `set` is the RDS as it stands; nil for a runbook that is about none. { run?, goes_on = whether it did not finish and
-- belongs here, finished = the host to which a finished one moved the role, parameters, application = { touched, on?,
-- reign?, since? }, states = { step id = state }, begun = { step id = whether a run that goes on here began it } }
function M.read(runbook, set)
  local past = { goes_on = false, parameters = {}, application = { touched = false }, states = {}, begun = {} }
  local run = last_of(runbook, set)
  if not run then return past end
  run.parameters = run.parameters or {}
  run.steps = run.steps or {}
  local fits = belongs(run, set)
  if fits == false then return past end
  past.run, past.site = run.id, run.site
  if set then past.application = application(run) end
  for _, step in ipairs(run.steps) do
    past.states[step.id] = step.state
    past.begun[step.id] = is_begun(step) or nil
  end
  if run.state == "done" then
    past.finished = fits and run.parameters.home or nil
    return past
  end
  past.goes_on = true
  for name, value in pairs(run.parameters) do
    if name ~= "start" then past.parameters[name] = value end
  end
  -- What runs before it had done counts too; what it skipped had been done by them.
  for id, state in pairs(run.parameters.start and run.parameters.start.begun or {}) do
    past.states[id] = past.states[id] or state
    past.begun[id] = past.begun[id] or state ~= "skipped" or nil
  end
  return past
end

-- Whether the run before died in a step, or failed in it: the hook behind it may not have been called.
function M.died_in(past, id)
  local state = past.states[id]
  return state ~= nil and state ~= "done" and state ~= "skipped"
end

return M
