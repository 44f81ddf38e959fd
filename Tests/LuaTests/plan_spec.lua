-- Plans, what is shown of a runbook, and what is found wrong with files.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

local function commands(plan)
  local list = {}
  for _, step in ipairs(plan.steps) do
    for _, command in ipairs(step.commands) do list[#list + 1] = command end
  end
  return list
end

-- What a plan may not change.
local function state(model)
  return t.show{ model.hosts, model.running, model.runs, model.shell, model.checkpoint_ids, model.epochs }
end

describe("a plan", function()
  for _, case in ipairs(scenes.all) do
    it("changes nothing and asks nothing: " .. scenes.title(case), function()
      local model = case.scene()
      -- Where nobody writes every change would be the plan's.
      model.running = {}
      local before = state(model)
      local plan = sandbox.plan(model, case.name, case.arguments)
      t.equal(state(model), before)
      t.equal(plan.ok, true, t.show(plan.preflight))
      t.equal(#model.questions, 0)
      t.equal(model.said, {})
      for _, step in ipairs(plan.steps) do
        t.equal(step.state, "planned", step.id)
        t.truthy(#step.commands > 0, step.id)
      end
    end)
  end

  it("has the commands of Example 3", function()
    local plan = sandbox.plan(scenes.after_takeover(), "failback-difference")
    t.equal(commands(plan), {
      "seattle # vradmin -g hrdg makesec hr_rvg london",
      "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle",
      "[stop_application] london # app stop",
      "vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle",
      "vradmin -g hrdg repstatus hr_rvg   (until seattle is up-to-date)",
      "vradmin -g hrdg migrate hr_rvg seattle",
      "[start_application] seattle # app start",
    })
  end)

  it("has the commands of Example 4, and its steps in their order", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    local plan = sandbox.plan(model, "failback-difference-multi")
    local list = table.concat(commands(plan), "\n")
    t.contains(list, "vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo\n"
      .. "vradmin -g hrdg -c checkpt startrep hr_rvg tokyo")
    local ids = {}
    for i, step in ipairs(plan.steps) do ids[i] = step.id end
    t.equal(ids, { "makesec", "synchronize", "stop-application", "start-replication", "await-up-to-date", "migrate",
      "synchronize-tokyo", "start-replication-tokyo", "start-application" })
    plan = sandbox.plan(model, "failback-difference-multi", { start_first = "yes" })
    t.equal(plan.steps[7].id, "start-application")
  end)

  it("shows what is done already", function()
    local model = scenes.after_takeover()
    sandbox.run(model, "failback-difference")
    model:revive()
    local plan = sandbox.plan(model, "failback-difference")
    t.equal(plan.ok, true)
    for _, step in ipairs(plan.steps) do
      t.equal(step.state, step.id == "start-application" and "planned" or "already", step.id)
    end
  end)

  it("tells all that does not hold, and still shows the steps", function()
    local model = scenes.after_takeover()
    model.hosts.seattle.open = true
    model.hosts.seattle.version = "0.2.0"
    model.hosts.london.checkpoints.checkpt_presync = { state = "completed", target = "seattle", id = 99 }
    model.write_bytes = 1 << 30
    local plan = sandbox.plan(model, "failback-difference")
    local codes = {}
    for i, problem in ipairs(plan.preflight) do codes[i] = problem.code end
    t.equal(codes, { "bad-configuration", "volume-open", "checkpoint-name-in-use", "log-too-small" })
    t.equal(plan.ok, false)
    t.equal(#plan.steps, 7)
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "failback-difference") end)
    t.equal(#raised.problems, 4)
    t.equal(model.hosts.seattle.role, "primary")
    t.equal(#model.runs, 0)
  end)

  it("says of a name of an RVG that nobody has that it is wrong, not that a disk group is missing", function()
    local plan = sandbox.plan(scenes.after_takeover(), "migrate", { rvg = "hr_rgv" })
    t.equal(plan.preflight[1].code, "unknown-rvg")
    t.equal(plan.preflight[1].object, "hr_rgv")
    t.contains(plan.preflight[1].message, "there is hr_rvg")
    t.contains(plan.preflight[1].hint, "rvg=hr_rvg")
  end)

  it("names the hosts that do not answer", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model:crash("seattle")
    model:crash("tokyo")
    local plan = sandbox.plan(model, "failback-difference-multi")
    local hosts = {}
    for i, problem in ipairs(plan.preflight) do
      t.equal(problem.code, "host-unreachable")
      hosts[i] = problem.host
    end
    t.equal(hosts, { "seattle", "tokyo" })
  end)

  it("survives hooks that need answers", function()
    local site = [[return {
      stop_application = function(ctx)
        if hw.sh{ "pgrep", "app", on = ctx.host }.out:match("%d") then hw.sh{ "app", "stop", on = ctx.host } end
      end,
      start_application = function() end,
      before = { migrate = function() return 7 end },
    }]]
    local plan = sandbox.plan(scenes.after_takeover(), "failback-difference", {}, { site = site })
    t.equal(plan.ok, true)
    local list = table.concat(commands(plan), "\n")
    t.contains(list, "[stop_application] london # pgrep app\n[stop_application] and what depends on the answers")
    t.contains(list, "or is wrong: site.lua:3: attempt to index a nil value (field 'out')")
    t.contains(list, "[before.migrate] a function of site.lua")
  end)
end)

describe("a wrong home", function()
  it("is refused while another host is the old Primary", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model.hosts.seattle.dg = "other"
    local plan = sandbox.plan(model, "failback-difference-multi", { home = "tokyo" })
    t.equal(plan.ok, false)
    t.equal(plan.preflight[1].code, "not-secondary")
    t.equal(plan.preflight[1].host, "seattle")
    t.contains(plan.preflight[1].hint, "vradmin --host seattle -g other makesec hr_rvg london")
  end)
end)

describe("show", function()
  it("lists parameters and steps of each bundled runbook", function()
    for _, case in ipairs(scenes.all) do
      local shown = sandbox.call(scenes.healthy(), "show", case.name)
      t.truthy(#shown.steps >= 2 and shown.summary ~= "" and #shown.parameters > 2, case.name)
      for _, parameter in ipairs(shown.parameters) do
        t.truthy(parameter.help ~= "" and parameter.type, parameter.name)
      end
    end
  end)

  it("asks no host", function()
    local model = scenes.healthy()
    sandbox.call(model, "show", "failback-difference-multi")
    t.equal(model.requests, 0)
  end)

  it("has NAME for each further Secondary", function()
    local shown = sandbox.call(scenes.healthy(), "show", "failback-difference-multi")
    local ids = {}
    for i, step in ipairs(shown.steps) do ids[i] = step.id end
    t.contains(table.concat(ids, " "), "migrate synchronize-NAME start-replication-NAME start-application")
  end)

  it("knows every step of the bundled runbooks as one that site files may name", function()
    local site = sandbox.module(scenes.healthy(), "homeward.site")
    for _, case in ipairs(scenes.all) do
      for _, step in ipairs(sandbox.call(scenes.healthy(), "show", case.name).steps) do
        t.contains(" " .. table.concat(site.bundled_steps, " ") .. " ", " " .. step.id .. " ")
      end
    end
  end)
end)

local function check(source)
  return sandbox.call(scenes.healthy(), "check", "test", {}, { source = source }).problems
end

describe("check", function()
  it("finds nothing wrong with what is bundled", function()
    for _, case in ipairs(scenes.all) do
      t.equal(sandbox.call(scenes.healthy(), "check", case.name).problems, {}, case.name)
    end
  end)

  it("finds unknown parameters, with their lines", function()
    local problems = check('local M = { parameters = { outage = { default = "x" } } }\n'
      .. "function M.run(ctx)\n  if ctx.params.outgae then return end\nend\nreturn M\n")
    t.equal(#problems, 1)
    t.equal(problems[1].line, 3)
    t.contains(problems[1].message, "did you mean outage?")
  end)

  it("finds steps that are declared wrongly, and files that are none", function()
    t.contains(check('return { run = function(ctx) ctx.step("Not", "x", function() end) end }')[1].message, "Not")
    t.contains(check('return { run = function(ctx) end, paramters = {} }')[1].message, "did you mean parameters?")
    t.contains(check("return 7")[1].message, "function run")
    t.contains(check("return {")[1].message, "expected")
    t.contains(check('return { run = print, parameters = { a = { type = "sting" } } }')[1].message, "string")
  end)

  it("takes a file of hooks for a site file", function()
    t.equal(check("return { before = { migrate = function() end } }"), {})
    local problems = check("return {\n  before = {\n    migrat = function() end,\n  },\n}\n")
    t.equal(problems[1].line, 3)
    t.contains(problems[1].message, "did you mean migrate?")
  end)

  it("takes a file whose only key is misspelt for a site file", function()
    local problems = check("return {\n  stop_aplication = function() end,\n}\n")
    t.equal(#problems, 1)
    t.equal(problems[1].line, 2)
    t.contains(problems[1].message, "did you mean stop_application?")
  end)

  it("tells the line of a key under its own table", function()
    local problems = check("-- after.start_app\nreturn {\n  before = { migrate = function() end },\n"
      .. "  after = {\n    start_app = function() end, -- start_app\n  },\n}\n")
    t.equal(#problems, 1)
    t.equal(problems[1].line, 5)
  end)

  it("tries the functions of a site file without a host", function()
    local function site(body)
      return check("return {\n  before = { migrate = function(ctx)\n    " .. body .. "\n  end },\n}\n")
    end
    t.equal(site("hw.sh{ 'app', 'stop', on = ctx.host }"), {})
    t.equal(site("local s = ctx.rds:status(); hw.sh{ 'app', s.primary }"), {})
    t.equal(site("hw.sh{ 'app', ctx.params.home, ctx.step.id }"), {})
    local problems = site("hw.sh{ 'app', 'stop', on = ctx.hots }")
    t.equal(#problems, 1)
    t.equal(problems[1].line, 3)
    t.contains(problems[1].message, "did you mean host?")
  end)

  it("asks for a start where there is a stop", function()
    local problems = check("return {\n  stop_application = function(ctx) end,\n}\n")
    t.equal(#problems, 1)
    t.equal(problems[1].line, 2)
    t.contains(problems[1].message, "stays down")
  end)
end)

describe("a host of the cluster that is no host of the RVG, and is silent", function()
  local function with_backup(model)
    model.names[#model.names + 1] = "backup"
    model.hosts.backup = { name = "backup", up = false, role = "none", history = {}, records = {}, links = {} }
    return model
  end

  it("is left out", function()
    local model = with_backup(scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } })
    sandbox.run(model, "failback-difference-multi")
    scenes.ends(model, "seattle", { "london", "tokyo" })
    model = with_backup(scenes.healthy())
    sandbox.run(model, "migrate")
    scenes.ends(model, "london", { "seattle" })
  end)
end)

return t.results()
