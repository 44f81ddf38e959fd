-- What a run takes over from those before it, and what it does not.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local verbs = require("support.verbs")
local describe, it = t.describe, t.it

local name = "failback-difference"

local function fail_at(model, verb)
  model.fail = function(request) return request == verb and { code = "io-error", message = "broken" } or nil end
end

describe("the run before", function()
  it("started the application on the old Primary, and the role moved after that", function()
    local model = scenes.after_takeover()
    fail_at(model, "migrate")
    t.raises("io-error", function() sandbox.run(model, name) end)
    t.equal(model:runs_on(), { "london" })
    -- Somebody moves the role by hand, and leaves processes of the application on london.
    model:revive()
    model.fail, model.running = nil, {}
    model:deliver()
    verbs.migrate(model, "seattle")
    model.running.london = true
    sandbox.run(model, name)
    scenes.ends(model, "seattle", { "london" })
  end)

  it("of another disaster is not gone on with", function()
    local model = scenes.after_takeover()
    fail_at(model, "startrep")
    t.raises("io-error", function() sandbox.run(model, name, { checkpoint = "old", outage = "short" }) end)
    model:revive()
    model.fail = nil
    sandbox.run(model, name)
    -- Long afterwards london takes over again.
    model:revive()
    model:deliver()
    model:crash("seattle")
    verbs.takeover(model, "london")
    model.running = { london = true }
    model:restart("seattle")
    -- The run that finished counts as little as one that did not.
    model.runs[2].state = "failed"
    local plan = sandbox.plan(model, name)
    for _, parameter in ipairs(plan.parameters) do t.truthy(parameter.from ~= "journal", parameter.name) end
    sandbox.run(model, name)
    scenes.ends(model, "seattle", { "london" })
    t.equal(model.runs[3].parameters.checkpoint, "checkpt_presync")
  end)

  it("started the application, but a takeover came after that", function()
    local model = scenes.after_takeover()
    sandbox.run(model, name)
    -- There and back again by hand: what ran where is not known any more.
    model:revive()
    model.running = {}
    model:deliver()
    verbs.migrate(model, "london")
    model:deliver()
    verbs.migrate(model, "seattle")
    sandbox.run(model, name, { home = "seattle" })
    scenes.ends(model, "seattle", { "london" })
  end)

  it("started the application on a host that went down since", function()
    local found
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if model:runs_on()[1] == "seattle" then
        model:crash("seattle")
        model:restart("seattle")
        sandbox.run(model, name)
        scenes.ends(model, "seattle", { "london" }, at)
        found = true
      end
    end
    t.truthy(found)
  end)

  it("and the one before that: what both knew of the application counts", function()
    local carried
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if #model:runs_on() == 0 and model:open_primary().name == "london" then
        -- The next dies before it has come to the application.
        local runs = #model.runs
        for early = 1, 60 do
          if #model.runs > runs then break end
          sandbox.kill(model, early, name)
        end
        model:crash("seattle")
        t.raises("preflight-failed", function() sandbox.run(model, name) end)
        t.equal(model:runs_on(), { "london" }, at)
        carried = true
      end
    end
    t.truthy(carried)
  end)

  it("died while the role was on its way: the next waits until it has arrived", function()
    local waited
    for at = 1, 300 do
      local model = scenes.after_takeover()
      model.is_slow = true
      model.begin_at_kill = function(request, host)
        if request == "migrate" then pcall(verbs.migrate, model, host) end
      end
      if not sandbox.kill(model, at, name) then break end
      waited = waited or model.later ~= nil
      sandbox.run(model, name)
      scenes.ends(model, "seattle", { "london" }, at)
    end
    t.truthy(waited)
  end)

  it("finished: nothing is to be done, also without its parameters", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    sandbox.run(model, "failback-difference-multi")
    model:revive()
    local result = sandbox.run(model, "failback-difference-multi")
    for _, step in ipairs(result.steps) do
      t.equal(step.state, step.id == "start-application" and "done" or "skipped", step.id)
    end
  end)
end)

return t.results()
