-- Every bundled runbook, its runner killed at each request and the runbook started again, once and twice: the end
-- state is right, and the application runs exactly on the Primary.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local verbs = require("support.verbs")
local describe, it = t.describe, t.it

-- What the hosts go on with although the runner is gone.
local function goes_on(model)
  return function(name, host, options)
    if name == "syncrvg" then verbs.begin_sync(model, host, options) end
    if name == "migrate" then pcall(verbs.migrate, model, host) end
  end
end

-- Runs to the end; returns the requests that this took.
local function whole(case)
  local model = case.scene()
  sandbox.run(model, case.name, case.arguments)
  case.ends(model, "not killed")
  return model.log
end

-- A run that was journaled knows its parameters.
local function arguments(model, case) return #model.runs > 0 and case.again or case.arguments end

local function again(model, case, note)
  local ok, raised = pcall(sandbox.run, model, case.name, arguments(model, case))
  if not ok then
    error(("%s: %s"):format(note, type(raised) == "table" and tostring(raised.message) or tostring(raised)), 0)
  end
  case.ends(model, note)
end

describe("killed", function()
  for _, case in ipairs(scenes.all) do
    it(scenes.title(case), function()
      local log = whole(case)
      t.truthy(#log > 20, "only " .. #log .. " requests")
      for at, request in ipairs(log) do
        for _, begins in ipairs{ false, request == "syncrvg" or request == "migrate" or nil } do
          local model = case.scene()
          model.begin_at_kill = begins and goes_on(model) or nil
          t.truthy(sandbox.kill(model, at, case.name, case.arguments), at)
          again(model, case, ("killed at %d of %d, %s%s"):format(at, #log, request, begins and ", hosts go on" or ""))
        end
      end
    end)
  end
end)

describe("killed twice", function()
  for _, case in ipairs(scenes.all) do
    it(scenes.title(case), function()
      local requests = #whole(case)
      for first = 1, requests do
        local second = 1 + first * 31 % requests
        local model = case.scene()
        model.begin_at_kill = first % 2 == 0 and goes_on(model) or nil
        sandbox.kill(model, first, case.name, case.arguments)
        if sandbox.kill(model, second, case.name, arguments(model, case)) then
          again(model, case, ("killed at %d, then at %d"):format(first, second))
        end
      end
    end)
  end
end)

return t.results()
