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

-- Whether a run belongs to the present reign, or to the one that it ended itself.
local function belongs(run, primary)
  local start = run.parameters.start
  if not start or not start.reign or not primary or not primary.reign then return nil end
  return primary.reign.id == start.reign or (primary.before and primary.before.id == start.reign) or false
end

-- Reads the newest run of a runbook.
--
-- `set` is the RDS as it stands, or nil. { run?, goes_on = whether it did not finish and belongs here, finished = the
-- host to which a finished one moved the role, parameters, application = { touched, on?, reign?, since? }, states =
-- { step id = state } }
function M.read(runbook, set)
  local past = { goes_on = false, parameters = {}, application = { touched = false }, states = {} }
  local run = engine.last_run(runbook)
  if not run then return past end
  run.parameters = run.parameters or {}
  run.steps = run.steps or {}
  local primary = set and set.open and set.members[set.open]
  local fits = belongs(run, primary)
  if fits == false then return past end
  local mine = run.parameters
  if set and mine.dg and (mine.dg ~= set.dg or mine.rvg ~= set.rvg) then return past end
  past.run, past.site = run.id, run.site
  past.application = application(run)
  for _, step in ipairs(run.steps) do past.states[step.id] = step.state end
  if run.state == "done" then
    past.finished = fits and run.parameters.home or nil
    return past
  end
  past.goes_on = true
  for name, value in pairs(mine) do
    if name ~= "start" then past.parameters[name] = value end
  end
  -- What runs before it had done counts too; what it skipped had been done by them.
  for id, state in pairs(run.parameters.start and run.parameters.start.begun or {}) do
    if not past.states[id] then past.states[id] = state end
  end
  return past
end

-- Whether the run before began a step.
function M.began(past, id) return past.states[id] ~= nil and past.states[id] ~= "skipped" end

return M
