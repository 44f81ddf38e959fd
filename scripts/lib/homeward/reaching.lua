-- Whether the commands of a run can be run on their hosts. When the application is stopped it is too late to learn that
-- the host on which it is to be started cannot be reached from here.
--
-- The runbook is gone through once in plan mode: no step is carried out, nothing is printed. Both files are loaded anew
-- for it, so that what functions keep in variables of their file is as it was when the run begins.

local engine = require("homeward.engine")
local hw = require("homeward")
local outline = require("homeward.outline")
local pasts = require("homeward.past")
local running = require("homeward.running")
local site = require("homeward.site")

local M = {}

local Trial = {}
Trial.__index = Trial

-- What depends on answers ends by an error, and waiting for them would never end; what was noted before that counts.
local function try(f) return pcall(hw.timeout, 2, f) end

function Trial:try_hook(hook)
  if not hook then return false end
  try(function() hook(self.ctx) end)
  return true
end

function Trial:has_own(name) return self.site:own(name) ~= nil end
function Trial.touch() end
function Trial.note() end

function Trial:call_own(name)
  local is_there = self:try_hook(self.site:own(name))
  -- A run that fails before the role has moved starts the application again where it stopped it.
  if name == "stop-application" then self:try_hook(self.site:own("start-application")) end
  return is_there
end

-- The hooks that the run would call, with the context that they would get.
function Trial:perform(id, title, action)
  self.steps[#self.steps + 1] = { id = id, title = title, state = "planned" }
  self.current, self.title = id, title
  local asked, done = try(function() return action.done and action.done() end)
  if asked and done then
    -- As in a run that acts, which calls it when the run before died in the step.
    if pasts.died_in(self.past, id) then self:try_hook(self.site:hook("after", id)) end
  else
    self:try_hook(self.site:hook("before", id))
    local is_skipped = false
    if not self:try_hook(self.site:hook("instead", id)) then
      local ok, result = try(action.run)
      is_skipped = ok and running.is_skip(result)
    end
    if not is_skipped then self:try_hook(self.site:hook("after", id)) end
  end
  self.current, self.title = nil, nil
  return { planned = true }
end

local function copy(values)
  local new = {}
  for name, value in pairs(values) do new[name] = value end
  return new
end

local function go_through(run, options)
  local trial = setmetatable({ options = options, steps = {}, is_plan = true, is_trial = true, scene = run.scene,
    set = run.set, rds = run.rds, past = run.past, resolver = run.resolver, problems = {}, params = copy(run.params),
    application = copy(run.application) }, Trial)
  trial.book = outline.load(options, trial)
  trial.site = site.load(options.site, outline.ids(trial.book))
  running.begin(trial)
  trial.ctx.host = run.ctx.host
  trial.book.run(trial.ctx)
end

-- One problem for each host on which the run would run a command and that is not here.
function M.problems(run, options)
  local _ <close> = setmetatable({}, { __close = function()
    engine.planned()
    engine.planning(run.is_plan or false)
  end })
  engine.planning(true, true)
  -- What cannot be gone through without answers is not known, and no reason to refuse.
  pcall(go_through, run, options)
  return engine.elsewhere()
end

return M
