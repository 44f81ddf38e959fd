-- Commands for hosts that are not here: known before the first change.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

-- What a refused run may not change; the application writes meanwhile.
local function state(model)
  local hosts = {}
  for name, host in pairs(model.hosts) do
    local attached = {}
    for other, link in pairs(host.links) do attached[other] = link.attached end
    hosts[name] = { host.role, host.state, host.checkpoints, attached }
  end
  return t.show{ hosts, model.running, model.runs, model.shell, model.epochs }
end

local function after_takeover(here)
  local model = scenes.after_takeover()
  model.here = here
  return model
end

-- Plan and run are refused for these hosts, and nothing is changed; returns the problems of the run.
local function refused(model, name, hosts, extra)
  local before = state(model)
  local plan = sandbox.plan(model, name, {}, extra)
  t.equal(plan.ok, false)
  local raised = t.raises("preflight-failed", function() sandbox.run(model, name, {}, extra) end)
  t.equal(state(model), before)
  t.equal(#raised.problems, #hosts)
  for i, host in ipairs(hosts) do
    for _, problem in ipairs{ plan.preflight[i], raised.problems[i] } do
      t.equal({ problem.code, problem.host }, { "not-built-yet", host })
      t.contains(problem.hint, "run the script on " .. host)
    end
  end
  return raised.problems
end

describe("a site's command for a host that is not here", function()
  it("is refused before the application is stopped where only its start would be", function()
    local model = after_takeover{ london = true }
    local problems = refused(model, "failback-difference", { "seattle" })
    t.equal(problems[1].object, "app start")
    t.equal(model:runs_on(), { "london" })
  end)

  it("is refused where only its stop would be", function()
    t.equal(refused(after_takeover{ seattle = true }, "failback-difference", { "london" })[1].object, "app stop")
  end)

  it("is told for each host", function()
    refused(after_takeover{}, "failback-difference", { "london", "seattle" })
  end)

  it("is refused in each bundled runbook that moves the application", function()
    local model = scenes.healthy()
    model.here = { seattle = true }
    refused(model, "migrate", { "london" })
    model = scenes.after_loss{ ahead = "london" }
    model.here = { tokyo = true }
    refused(model, "takeover", { "london" })
    model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model.here = { london = true }
    refused(model, "failback-difference-multi", { "seattle" })
  end)

  it("is refused in hooks of other steps, and in steps of a runbook of one's own", function()
    local site = [[return {
      before = { migrate = function() hw.sh{ "drain", on = "london" } end },
      after = { makesec = function(ctx)
        if hw.sh{ "look", on = "tokyo" }.out:match("x") then hw.sh{ "never", on = "oslo" } end
      end },
    }]]
    refused(after_takeover{ london = true }, "failback-difference", { "tokyo" }, { site = site })
    local source = [[return { run = function(ctx)
      ctx.step("a", "A", function() hw.sh{ "here", on = "london" } end)
      ctx.step("b", "B", function() hw.sh{ "there", on = "oslo" } end)
    end }]]
    refused(after_takeover{ london = true }, "ours", { "oslo" },
      { source = 'local hw = require("homeward") ' .. source })
  end)

  it("is refused where the application would be started again after a failure", function()
    local site = [[return {
      stop_application = function(ctx) hw.sh{ "ssh", ctx.host.name, "app", "stop" } end,
      start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
    }]]
    refused(after_takeover{ seattle = true }, "failback-difference", { "london" }, { site = site })
  end)

  it("does not matter where the step is done and not due any more", function()
    local model = after_takeover(nil)
    sandbox.run(model, "failback-difference")
    model:revive()
    model.here = { seattle = true }
    sandbox.run(model, "failback-difference")
    scenes.ends(model, "seattle", { "london" })
  end)
end)

describe("going through a run before it begins", function()
  for _, case in ipairs(scenes.all) do
    it("asks no host: " .. scenes.title(case), function()
      local model, asked = case.scene(), {}
      model.fail = function(request)
        if model.is_planning then asked[#asked + 1] = request end
        return nil
      end
      sandbox.run(model, case.name, case.arguments)
      -- Where there are commands it is asked which hosts are here.
      t.equal(asked, case.name ~= "setup-replication" and { "elsewhere" } or {})
    end)
  end

  it("leaves parameters and variables of the site file as they are", function()
    local site = [[
      local stopped
      return {
        stop_application = function(ctx)
          if stopped then return end
          stopped = true
          ctx.params.home = "tokyo"
          hw.sh{ "app", "stop", on = ctx.host }
        end,
        start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
      }
    ]]
    local model = after_takeover{ london = true, seattle = true }
    sandbox.run(model, "failback-difference", {}, { site = site })
    t.equal(model.running, { seattle = true })
    scenes.ends(model, "seattle", { "london" })
    t.equal(model.runs[1].parameters.start.application, { touched = false })
  end)

  it("is no reason to refuse where it cannot be gone through", function()
    local source = [[return { run = function(ctx)
      local code = ctx.step("a", "A", function() return { code = hw.sh{ "true", on = "london" }.code } end).code
      if code > 0 then hw.sh{ "never", on = "oslo" } end
    end }]]
    local model = after_takeover{ london = true }
    model.command = function() return { code = 0, out = "", err = "" } end
    sandbox.run(model, "ours", {}, { source = 'local hw = require("homeward") ' .. source })
    t.equal(model.runs[1].state, "done")
  end)
end)

return t.results()
