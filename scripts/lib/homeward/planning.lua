-- A plan: the same runbook, whose steps are noted and not carried out.

local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local preparing = require("homeward.preparing")
local running = require("homeward.running")

local M = {}

local Plan = {}
Plan.__index = Plan

function Plan:has_own(name) return self.site:own(name) ~= nil end
function Plan.touch() end

local function take(list, prefix)
  local noted = engine.planned()
  for _, command in ipairs(noted) do list[#list + 1] = prefix and ("[%s] %s"):format(prefix, command) or command end
  return #noted
end

-- Calls a hook of the site for the commands that it would run. What depends on their answers cannot be known; where the
-- hook ended by an error, that is told, because it may be a mistake that would end the run too.
function Plan:hook(name, hook, list)
  take(list)
  local ok, raised = pcall(hw.timeout, 2, function() hook(self.ctx) end)
  local count = take(list, name)
  if count == 0 then list[#list + 1] = ("[%s] a function of %s"):format(name, self.site.chunk) end
  if not ok then
    local failure = failures.from(raised)
    list[#list + 1] = ("[%s] and what depends on the answers, or is wrong: %s%s"):format(name,
      failure.where ~= "" and failure.where .. ": " or "", failures.line(failure))
  end
end

function Plan:call_own(name)
  local hook = self.site:own(name)
  if not hook then return false end
  self:hook(name:gsub("-", "_"), hook, self.commands)
  return true
end

function Plan:site_hook(kind, id)
  local hook = self.site:hook(kind, id)
  if not hook then return false end
  self:hook(("%s.%s"):format(kind, id:gsub("-", "_")), hook, self.commands)
  return true
end

function Plan:perform(id, title, action)
  local entry = { id = id, title = title, state = "planned", commands = {} }
  self.steps[#self.steps + 1] = entry
  self.current, self.title, self.commands = id, title, entry.commands
  local ok, raised = pcall(function()
    if action.done and action.done() then
      entry.state = "already"
      return nil
    end
    self:site_hook("before", id)
    local result
    if not self:site_hook("instead", id) then result = action.run() end
    take(entry.commands)
    if running.is_skip(result) then
      entry.commands[#entry.commands + 1] = ("(%s)"):format(result.reason)
      return nil
    end
    self:site_hook("after", id)
    return nil
  end)
  take(entry.commands)
  self.current, self.title = nil, nil
  -- Steps that look at what earlier ones would have made cannot be followed; that is no reason not to show the others.
  if not ok then
    entry.commands[#entry.commands + 1] = ("(what it does depends on the steps before: %s)"):format(
      failures.from(raised).message)
  end
  return { planned = true }
end

function Plan:note(text) self.commands[#self.commands + 1] = ("(%s)"):format(text) end

function Plan.extra() return true end

-- Plans a runbook. Asks nobody and changes nothing.
function M.plan(options)
  engine.planning(true)
  local run = setmetatable({ options = options, steps = {}, is_plan = true }, Plan)
  preparing.prepare(run, options)
  local missing = false
  for _, from in pairs(run.resolver.from) do missing = missing or from == "missing" end
  -- Without its parameters there is nothing to plan with.
  if not missing then
    local ok, raised = pcall(run.book.run, run.ctx)
    if not ok and #run.problems == 0 then error(raised, 0) end
  end
  local problems = {}
  for i, problem in ipairs(run.problems) do
    problems[i] = { code = problem.code, message = problem.message, hint = problem.hint, object = problem.object,
      host = problem.host }
  end
  return {
    runbook = run.book.name, parameters = run.resolver:list(), preflight = problems, questions = run.questions,
    steps = run.steps, ok = #problems == 0,
  }
end

return M
