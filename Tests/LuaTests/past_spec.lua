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

  it("went to another host, to which nothing has to be replicated then", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    fail_at(model, "migrate")
    t.raises("io-error", function() sandbox.run(model, "migrate", { to = "london" }) end)
    model:revive()
    model.fail = nil
    sandbox.run(model, "migrate", { to = "tokyo" })
    scenes.ends(model, "tokyo", { "seattle", "london" })
  end)

  it("was given the name of the disk group on another host", function()
    local model = scenes.after_takeover()
    model.hosts.seattle.dg = "other"
    fail_at(model, "migrate")
    t.raises("io-error", function() sandbox.run(model, name, { dg = "other", checkpoint = "mine" }) end)
    model:revive()
    model.fail = nil
    model:crash("seattle")
    for _, parameter in ipairs(sandbox.plan(model, name, { dg = "hrdg" }).parameters) do
      if parameter.name == "checkpoint" then t.equal(parameter.value .. parameter.from, "minejournal") end
    end
    model:restart("seattle")
    model:revive()
    sandbox.run(model, name, { dg = "hrdg" })
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

  it("of a runbook that is about no RVG is gone on with, too", function()
    local model = scenes.healthy()
    local source = [[
      local hw = require("homeward")
      local M = hw.runbook{ parameters = { target = { type = "string", default = "/a" } } }
      function M.run(ctx)
        ctx.step("one", "First", function() hw.sh{ "one", ctx.params.target } end)
        ctx.step("two", "Second", function() hw.sh{ "two", ctx.params.target } end)
      end
      return M]]
    model.programs = { two = function() return error({ code = "command-failed", message = "no", hint = "" }, 0) end }
    local extra = { source = source, site = false }
    t.raises("command-failed", function() sandbox.run(model, "own", { target = "/b" }, extra) end)
    model:revive()
    model.programs = nil
    sandbox.run(model, "own", {}, extra)
    t.equal(model.shell[#model.shell], "two /b")
  end)

  it("of another RVG does not make the one of this RVG forgotten", function()
    local found = 0
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if #model.runs == 1 and #model:runs_on() == 0 then
        model.runs[2] = { id = "run-2", runbook = name, state = "done", steps = {},
          parameters = { dg = "hrdg", rvg = "other", home = "seattle" } }
        sandbox.run(model, name)
        scenes.ends(model, "seattle", { "london" }, at)
        found = found + 1
      end
    end
    t.truthy(found > 3)
  end)

  it("is found by the command of the hint where the RVG had to be given, and what was given is given again", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model.extra_rvgs = { { rvg = "other", dg = "hrdg" } }
    fail_at(model, "migrate")
    local raised = t.raises("io-error", function()
      sandbox.run(model, "failback-difference-multi", { rvg = "hr_rvg", secondaries = "" })
    end)
    t.contains(raised.hint, "homeward run failback-difference-multi --site site.lua rvg=hr_rvg secondaries=")
    t.equal(raised.hint:find("home=", 1, true), nil)
  end)

  it("without an RVG claims nothing about the application", function()
    local model = scenes.after_takeover()
    fail_at(model, "migrate")
    t.raises("io-error", function() sandbox.run(model, name, { on_failure = "leave" }) end)
    model:revive()
    model.fail, model.extra_rvgs = nil, { { rvg = "other", dg = "hrdg" } }
    local raised = t.raises("preflight-failed", function() sandbox.run(model, name) end)
    t.equal(raised.message:find("the application is stopped", 1, true), nil)
  end)

  -- london took over, where the application did not start; somebody started it by hand.
  local function after_failed_takeover()
    local model = scenes.after_loss{ ahead = "london" }
    model.programs = { app = function() return error({ code = "command-failed", message = "no", hint = "" }, 0) end }
    t.raises("command-failed", function() sandbox.run(model, "takeover", { to = "london" }) end)
    model:revive()
    model.programs, model.running = nil, { london = true }
    return model
  end

  it("of a takeover is gone on with while its host is the Primary", function()
    local model = after_failed_takeover()
    local result = sandbox.run(model, "takeover")
    t.equal(result.steps[1].state, "skipped")
    scenes.ends(model, "london", {})
  end)

  it("of a takeover says nothing about the next disaster", function()
    local model = after_failed_takeover()
    model:restart("seattle")
    sandbox.run(model, "failback-difference-multi")
    model:revive()
    model:deliver()
    model:crash("seattle")
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover") end)
    t.contains(raised.message, "which is to take over is yours to say")
  end)

  it("of a takeover by a host that is lost as well hands that host on to nobody", function()
    local model = after_failed_takeover()
    model:crash("london")
    sandbox.run(model, "takeover")
    scenes.ends(model, "tokyo", {})
  end)

  it("of a failback does not hand its home on when another host has taken over since", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    fail_at(model, "startrep")
    t.raises("io-error", function() sandbox.run(model, name, { home = "seattle", checkpoint = "old" }) end)
    model:revive()
    model.fail = nil
    model:crash("london")
    local tokyo = model.hosts.tokyo
    for i, epoch in ipairs(model.hosts.london.history) do tokyo.history[i] = epoch end
    tokyo.records = sandbox.copy(model.hosts.london.records)
    model.hosts.seattle.up = false
    verbs.takeover(model, "tokyo")
    model:restart("london")
    for _, parameter in ipairs(sandbox.plan(model, name).parameters) do
      if parameter.name == "home" then t.equal(parameter.value .. " " .. parameter.from, "london inferred") end
      t.truthy(parameter.from ~= "journal", parameter.name)
    end
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
