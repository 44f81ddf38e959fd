-- Two runs of one RVG at once: the second is refused, and leaves everything to the first.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

describe("a second run", function()
  it("of the same RVG is refused while the first lives, and is not when that has died", function()
    local model = scenes.after_takeover()
    sandbox.kill(model, 40, "failback-difference")
    model:revive()
    model.runner_lives = true
    for _, name in ipairs{ "failback-difference", "failback-difference-multi" } do
      local raised = t.raises("preflight-failed", function() sandbox.run(model, name) end)
      t.contains(raised.message, "run run-1 (failback-difference) is at work on hrdg/hr_rvg, at the step ")
      t.contains(raised.message, "[run-in-progress]")
    end
    t.equal(#model.runs, 1)
    model.runner_lives = nil
    sandbox.run(model, "failback-difference")
    scenes.ends(model, "seattle", { "london" })
  end)
end)

describe("a run that the journal does not take", function()
  it("leaves another run of the same process, of another RVG, as it is", function()
    local model = scenes.after_takeover()
    model.runner_lives = true
    model.runs[1] = { id = "run-1", runbook = "migrate", state = "running", started = 1, steps = {},
      parameters = { dg = "paydg", rvg = "pay_rvg" } }
    model.fail = function(request)
      return request == "begin_run" and { code = "io-error", message = "the disk is full" } or nil
    end
    t.raises("io-error", function() sandbox.run(model, "failback-difference") end)
    t.equal(model.runs[1].state, "running")
  end)
end)

describe("a second run that is refused", function()
  it("leaves the application alone, which the first has stopped", function()
    local refused = 0
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, "failback-difference") then break end
      if #model.runs == 1 and #model:runs_on() == 0 then
        model.runner_lives = true
        t.raises("preflight-failed", function() sandbox.run(model, "failback-difference") end)
        t.equal(model:runs_on(), {}, at)
        t.equal(model.shell, {}, at)
        refused = refused + 1
      end
    end
    t.truthy(refused > 3)
  end)
end)

describe("a second run that the first overtakes after it has looked", function()
  local name = "failback-difference"

  -- A run died and left the application stopped, so the next one would start it wherever it ends. The request at which
  -- it has to die is looked for once.
  local dies_at = 1
  local function stopped()
    for at = dies_at, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if #model.runs == 1 and #model:runs_on() == 0 and model:open_primary() then
        dies_at = at
        return model
      end
    end
    return t.truthy(false, "no run was killed with the application stopped")
  end

  -- Another runner enters its run when this one makes the request of that number.
  local function overtaken(at)
    local model = stopped()
    model.runs[1].state = "failed"
    model.fail = function()
      if model.requests ~= at then return nil end
      model.runner_lives = true
      model.runs[2] = sandbox.copy(model.runs[1])
      model.runs[2].id, model.runs[2].state, model.runs[2].is_theirs = "run-2", "running", true
      return nil
    end
    return model
  end

  -- The number of the first such request of a run that nobody overtakes.
  local function number(request, crashed)
    local model = overtaken(0)
    if crashed then model:crash(crashed) end
    pcall(sandbox.run, model, name)
    for i, asked in ipairs(model.log) do
      if asked == request then return i end
    end
    return nil
  end

  local function is_left_alone(model)
    t.equal(#model.runs, 2)
    t.equal(model.runs[2].state, "running")
    t.equal(model:runs_on(), {})
    t.equal(model.shell, {})
  end

  it("is refused by the journal, and calls no hook", function()
    local model = overtaken(number("begin_run"))
    local raised = t.raises("run-in-progress", function() sandbox.run(model, name) end)
    t.contains(raised.message, "run-2")
    is_left_alone(model)
  end)

  it("calls no hook when it is interrupted as it is entered", function()
    local at = number("begin_run")
    local model = overtaken(at - 1)
    model.cancel_at = at
    local _, raised = pcall(sandbox.run, model, name)
    t.equal(raised, sandbox.cancelled)
    is_left_alone(model)
  end)

  it("calls no hook when its own conditions do not hold", function()
    local model = overtaken(number("runs", "seattle") + 1)
    model:crash("seattle")
    local raised = t.raises("preflight-failed", function() sandbox.run(model, name) end)
    t.truthy(not raised.message:find("run-in-progress", 1, true))
    is_left_alone(model)
  end)

  it("is entered beside a run of another RVG", function()
    local model = overtaken(number("begin_run"))
    local enter = model.fail
    model.fail = function(request)
      enter(request)
      if model.runs[2] then model.runs[2].parameters.rvg = "other_rvg" end
      return nil
    end
    sandbox.run(model, name)
    scenes.ends(model, "seattle", { "london" })
  end)
end)

return t.results()
