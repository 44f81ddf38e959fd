-- The runbook engine: parameters, preflight, steps, hooks, plan, what is shown and checked.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

local name = "failback-difference"

-- A runbook of this text, with `body` in its run.
local function text(parameters, body)
  return ([[
    local hw = require("homeward")
    local M = hw.runbook{ summary = "a test", parameters = { %s } }
    function M.run(ctx)
      local step = ctx.step
      %s
    end
    return M
  ]]):format(parameters, body)
end

local function run(parameters, body, arguments, extra)
  local model = scenes.healthy()
  extra = extra or {}
  extra.source = text(parameters, body)
  return sandbox.run(model, "test", arguments, extra), model
end

local function ids(steps)
  local list = {}
  for i, step in ipairs(steps) do list[i] = step.id .. "=" .. step.state end
  return list
end

describe("parameters", function()
  it("are read by their types", function()
    local result = run([[ a = { type = "integer" }, b = { type = "boolean" }, c = { type = "list" },
      d = { type = "number", default = 1.5 }, e = { default = "x" }, f = { type = "checkpoint" } ]], "",
      { a = "12", b = "yes", c = "p,q", f = "cp-1" })
    t.equal(result.parameters, { a = 12, b = true, c = { "p", "q" }, d = 1.5, e = "x", f = "cp-1" })
  end)

  it("refuse what is wrong, with its name", function()
    for _, case in ipairs{ { "integer", "1.5" }, { "integer", "x" }, { "number", "nan" }, { "boolean", "maybe" },
      { "host", "a b" }, { "checkpoint", "more-than-19-letters" }, { "checkpoint", "" } } do
      local raised = t.raises("bad-parameter", function()
        run(("a = { type = %q }"):format(case[1]), "", { a = case[2] })
      end, case[1])
      t.contains(raised.message, "a=" .. case[2])
    end
    local raised = t.raises("bad-parameter", function()
      run('a = { choices = { "long", "short" } }', "", { a = "shrt" })
    end)
    t.contains(raised.message, "did you mean short?")
  end)

  it("refuse unknown names with the nearest, all in one error", function()
    local raised = t.raises("unknown-parameter", function()
      run('outage = { default = "x" }', "", { outgae = "1", q = "2" })
    end)
    t.contains(raised.message, "did you mean outage?")
    t.contains(raised.message, "parameter q")
    raised = t.raises("unknown-parameter", function() run("home = { optional = true }", "", { hoem = "1" }) end)
    t.contains(raised.message, "did you mean home?")
  end)

  it("that are ambiguous are told together, with what to type", function()
    local model = scenes.after_takeover()
    model.extra_rvgs = { { dg = "otherdg", rvg = "other_rvg" } }
    local raised = t.raises("preflight-failed", function() sandbox.run(model, name) end)
    t.contains(raised.message, "hrdg, otherdg")
    t.contains(raised.hint, "dg=hrdg")
    t.equal(#model.runs, 0)
    local plan = sandbox.plan(model, name)
    t.equal(plan.ok, false)
    t.equal(plan.preflight[1].object, "dg")
    sandbox.run(model, name, { dg = "hrdg" })
    scenes.ends(model, "seattle", { "london" })
  end)

  it("that need two are both told", function()
    local model = scenes.healthy()
    local raised = t.raises("preflight-failed", function()
      sandbox.run(model, "test", {}, { source = text("a = {}, b = { type = 'integer' }", "") })
    end)
    t.equal(#raised.problems, 2)
  end)

  it("name hosts that are known", function()
    local raised = t.raises("preflight-failed", function()
      sandbox.run(scenes.after_takeover(), name, { home = "seatle" })
    end)
    t.contains(raised.message, "did you mean seattle?")
  end)

  it("of a run that did not finish are taken over, but for consent", function()
    local model = scenes.after_takeover{ unsent = 1 }
    sandbox.kill(model, 60, name, { checkpoint = "mine", discard_unsent = "yes" })
    model.answers = { "yes" }
    local plan = sandbox.plan(model, name)
    local from = {}
    for _, parameter in ipairs(plan.parameters) do from[parameter.name] = parameter.from .. " " .. parameter.value end
    t.equal(from.checkpoint, "journal mine")
    t.equal(from.discard_unsent, "default ask")
  end)
end)

describe("steps", function()
  it("run in order, are journaled, and skip what is done", function()
    local result, model = run("", [[
      step("one", "the first", function() return "well" end)
      step("two", "the second", { done = function() return "it is so" end, run = function() error("no") end })
      step("three", "the third", { run = function() return step.skip("nothing to do") end })
    ]])
    t.equal(ids(result.steps), { "one=done", "two=skipped", "three=skipped" })
    local journaled = model.runs[1].steps
    t.equal(ids(journaled), ids(result.steps))
    t.equal(journaled[1].detail.summary, "well")
    t.equal(journaled[2].detail.summary, "it is so")
    t.equal(journaled[3].detail.summary, "nothing to do")
  end)

  it("may be skipped without a reason", function()
    local result, model = run("", 'step("one", "x", function(ctx) return step.skip() end)')
    t.equal(ids(result.steps), { "one=skipped" })
    t.equal(model.runs[1].steps[1].detail.summary, "nothing to do")
  end)

  it("that return what cannot be shown fail, and the journal has them so", function()
    for _, returned in ipairs{ "{ summary = {} }", '{ bytes_sent = "many" }', "{ notes = 1 }", "{ notes = { {} } }" } do
      local model = scenes.healthy()
      local source = 'return { run = function(ctx) ctx.step("one", "x", function() return ' .. returned .. " end) end }"
      local raised = t.raises("bad-runbook", function() sandbox.run(model, "test", {}, { source = source }) end)
      t.contains(raised.message, "step one: the step returned a", returned)
      t.equal(ids(model.runs[1].steps), { "one=failed" }, returned)
    end
  end)

  it("may be called by the global name", function()
    local model = scenes.healthy()
    local source = 'return { run = function(ctx) step("one", "x", function() hw.sh{ "echo", ctx.step.id } end) end }'
    t.equal(ids(sandbox.run(model, "test", {}, { source = source }).steps), { "one=done" })
    t.equal(model.shell, { "echo one" })
  end)

  it("are declared rightly", function()
    for _, body in ipairs{
      'step("One", "x", function() end)', 'step("a_b--c", "x", function() end)', 'step("a-", "x", function() end)',
      'step("one", nil, function() end)', 'step("one", "x")', 'step("one", "x", { run = 1 })',
      'step("one", "x", function() end) step("one", "x", function() end)',
      'step("one", "x", function() step("two", "y", function() end) end)',
    } do
      local ok, raised = pcall(run, "", body)
      t.truthy(not ok and raised.code == "bad-runbook", body)
    end
  end)

  it("that fail keep the code, name the step and how to go on", function()
    local model = scenes.healthy()
    local source = text("", [[ step("one", "x", function()
      hw.fail{ code = "io-error", message = "broken", hint = "mend it" }
    end) ]])
    local raised = t.raises("io-error", function() sandbox.run(model, "test", {}, { source = source }) end)
    t.contains(raised.message, "step one: broken")
    t.contains(raised.hint, "mend it; then start the runbook again")
    t.equal(raised.step, "one")
    t.equal(model.runs[1].state, "failed")
    t.equal(model.runs[1].steps[1].state, "failed")
    t.equal(model.runs[1].steps[1].detail.code, "io-error")
  end)

  it("that raise a string have a code and a place", function()
    local raised = t.raises("lua-runtime", function() run("", [[ step("one", "x", function() error("oh") end) ]]) end)
    t.contains(raised.message, "oh")
    t.contains(raised.where, "test.lua:")
  end)

  it("whose answer is lost are looked at again", function()
    local model = scenes.after_takeover()
    local times = 0
    model.fail = function(request)
      if request == "migrate" and times == 0 then
        times = 1
        return { code = "daemon-unreachable", message = "gone", after = true }
      end
      return nil
    end
    sandbox.run(model, name)
    scenes.ends(model, "seattle", { "london" })
  end)
end)

local loud = [[
  local function note(word) return function(ctx) hw.sh{ word, tostring(ctx.step), on = ctx.host } end end
  return {
    stop_application = function(ctx) hw.sh{ "app", "stop", on = ctx.host } end,
    start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
    before = { migrate = note("before"), stop_application = note("before") },
    after = { migrate = note("after"), synchronize = note("after") },
    instead = { await_up_to_date = note("instead") },
  }
]]

describe("hooks", function()
  it("are called in their order, with the host where the application is", function()
    local model = scenes.after_takeover()
    model.hosts.seattle.links.london.pending = 0
    sandbox.run(model, name, {}, { site = loud:gsub('instead = .-,\n', "instead = {},\n") })
    t.equal(model.shell, {
      "after synchronize on london", "before stop-application on london", "app stop on london",
      "before migrate on london", "after migrate on london", "app start on seattle",
    })
  end)

  it("stand for the step", function()
    local model = scenes.after_takeover()
    local site = loud:gsub("instead = .-,\n", [[instead = { await_up_to_date = function(ctx)
      ctx.rds:await("seattle", { state = "up-to-date" })
      hw.sh{ "own" }
    end },
    ]])
    sandbox.run(model, name, {}, { site = site })
    local seen = table.concat(model.shell, "; ")
    t.contains(seen, "own")
  end)

  it("may be missing: the application's steps say so", function()
    local model = scenes.after_takeover()
    model.running = {}
    local result = sandbox.run(model, name, {}, { site = false })
    local steps = ids(result.steps)
    t.equal(steps[3], "stop-application=skipped")
    t.equal(steps[7], "start-application=skipped")
    t.contains(result.steps[3].detail.summary, "no stop_application")
  end)

  it("behind a step in which a run died are called when it is found done", function()
    local found = false
    for at = 1, 200 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name, {}, { site = loud:gsub("instead = .-,\n", "") }) then break end
      local died_after = model:open_primary() and model:open_primary().name == "seattle"
      sandbox.run(model, name, {}, { site = loud:gsub("instead = .-,\n", "") })
      if died_after and table.concat(model.shell, ";"):find("after migrate", 1, true) then found = true end
      scenes.ends(model, "seattle", { "london" }, at)
    end
    t.truthy(found)
  end)

  it("that fail end the step", function()
    local model = scenes.after_takeover()
    local raised = t.raises("command-failed", function()
      sandbox.run(model, name, {}, { site = [[return { before = { makesec = function()
        hw.fail{ code = "command-failed", message = "not approved" } end } }]] })
    end)
    t.equal(raised.step, "makesec")
    t.equal(model.hosts.seattle.role, "primary")
  end)
end)

describe("commands of a run that died", function()
  it("are over before anything is begun", function()
    local model = scenes.after_takeover()
    t.truthy(sandbox.kill(model, 40, name, {}))
    local dead = model.runs[#model.runs]
    local stopped = 0
    model.left = {
      { entry = 1, run = dead.id, text = "app stop", pid = 7, deadline = model.clock + 75,
        does = function() stopped = model.running.london and 1 or 2; model.running.london = nil end },
    }
    sandbox.run(model, name, {}, { site = sandbox.site })
    t.truthy(stopped > 0)
    t.equal(model.left, {})
    t.contains(table.concat(model.said, "\n"), "waits for app stop (process 7), which run " .. dead.id)
    scenes.ends(model, "seattle", { "london" })
  end)

  it("of another RVG are left alone", function()
    local model = scenes.after_takeover()
    t.truthy(sandbox.kill(model, 40, name, {}))
    local dead = model.runs[#model.runs]
    dead.parameters.rvg = "other"
    model.left = { { entry = 1, run = dead.id, text = "app stop", pid = 7, deadline = model.clock + 75 } }
    sandbox.run(model, name, {})
    t.equal(#model.left, 1)
  end)
end)

describe("site files", function()
  local function wrong(site, ...)
    local model = scenes.after_takeover()
    local raised = t.raises("bad-site-file", function() sandbox.run(model, name, {}, { site = site }) end, site)
    for _, part in ipairs{ ... } do t.contains(raised.message, part) end
    t.equal(#model.runs, 0)
  end

  it("have known keys of the right types", function()
    wrong("return { stop_aplication = function() end }", "did you mean stop_application?")
    wrong("return { stop_application = 7 }", "stop_application is a number")
    wrong("return { before = { migrat = function() end } }", "did you mean migrate?")
    wrong("return { before = { migrate = 7 } }", "before.migrate is a number")
    wrong("return { after = 7 }", "after is a number")
    wrong("return { instead = { stop_application = function() end } }", "instead.stop_application")
    wrong("return { stop_application = function() end }", "stays down")
    wrong("return 7", "no table")
    wrong("return { x = 1, before = 2 }", "no key x", "before is a number")
  end)

  it("may have hooks for steps of other runbooks, and of the site's own if it says so", function()
    local model = scenes.after_takeover()
    sandbox.run(model, name, {}, { site = [[return {
      stop_application = function(ctx) hw.sh{ "app", "stop", on = ctx.host } end,
      start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
      steps = { "drain_traffic" },
      after = { takeover = function() end, synchronize_tokyo = function() end, drain_traffic = function() end },
    }]] })
    scenes.ends(model, "seattle", { "london" })
  end)

  it("end the run where a hook reads a field that a context does not have", function()
    local function misspelt(body)
      local model = scenes.after_takeover()
      local site = "return { before = { synchronize = function(ctx)\n  " .. body .. "\nend } }"
      local raised = t.raises("bad-argument", function() sandbox.run(model, name, {}, { site = site }) end, body)
      t.equal(raised.where, "site.lua:2", body)
      return raised.message
    end
    t.contains(misspelt('hw.sh{ "app", "stop", on = ctx.hots }'), "there is no hots: did you mean host?")
    t.contains(misspelt("return ctx.params.hme"), "there is no hme: did you mean home?")
    local model = scenes.after_takeover()
    model.running = {}
    sandbox.run(model, name, {}, { site = "return { before = { synchronize = function(ctx) ctx.mine = 7; "
      .. "return ctx.mine + #ctx.params.home end } }" })
  end)

  it("that are no Lua are told as such", function()
    t.raises("lua-syntax", function() sandbox.run(scenes.after_takeover(), name, {}, { site = "return {" }) end)
  end)
end)

return t.results()
