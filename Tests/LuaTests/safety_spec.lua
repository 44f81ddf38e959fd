-- What goes wrong, and where the application is afterwards.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local texts = require("texts")
local describe, it = t.describe, t.it

local changing = { "makesec", "syncrvg", "startrep", "migrate", "takeover", "createpri", "addsec", "checkdelete" }

-- Every verb refuses, once, with its effect or without it.
local function failing(model, verb, after, code)
  local times = 0
  model.fail = function(request)
    if request ~= verb or times > 0 then return nil end
    times = 1
    return { code = code, message = "it was not to be", hint = "wait", after = after }
  end
  return function() return times > 0 end
end

describe("a verb that fails", function()
  for _, case in ipairs(scenes.all) do
    for _, verb in ipairs(changing) do
      for _, code in ipairs{ "io-error", "daemon-unreachable" } do
        for _, after in ipairs{ false, true } do
          it(("%s: %s %s %s"):format(scenes.title(case), verb, after and "after" or "before", code), function()
            local model = case.scene()
            local has_failed = failing(model, verb, after, code)
            local ran_on = #model:runs_on() > 0
            local ok, raised = pcall(sandbox.run, model, case.name, case.arguments)
            if not has_failed() then return end
            if not ok then
              t.equal(raised.code, code)
              t.contains(raised.hint, "start the runbook again")
              -- The application runs where the Primary is, if a run that failed has stopped it.
              local primary = model:open_primary()
              if ran_on and primary then t.equal(model:runs_on(), { primary.name }) end
              model:revive()
              model.fail = nil
              sandbox.run(model, case.name, case.again or case.arguments)
            end
            case.ends(model)
          end)
        end
      end
    end
  end
end)

describe("the application", function()
  local name = "failback-difference"

  it("is started again where it was when the migration fails", function()
    local model = scenes.after_takeover()
    failing(model, "migrate", false, "volume-open")
    local raised = t.raises("volume-open", function() sandbox.run(model, name) end)
    t.contains(raised.message, "started again on london")
    t.equal(model:runs_on(), { "london" })
    local steps = model.runs[1].steps
    t.equal(steps[#steps].id .. " " .. steps[#steps].state, "restart-application done")
  end)

  it("is left if the site wants that", function()
    local model = scenes.after_takeover()
    failing(model, "migrate", false, "volume-open")
    local raised = t.raises("volume-open", function() sandbox.run(model, name, { on_failure = "leave" }) end)
    t.contains(raised.message, "on_failure=leave")
    t.equal(model:runs_on(), {})
  end)

  it("is started again by a runbook of one's own that has no parameter on_failure", function()
    local source, count = texts["runbooks/migrate.lua"]:gsub("    on_failure = inference.on_failure,\n", "")
    t.equal(count, 1)
    local model = scenes.healthy()
    failing(model, "migrate", false, "volume-open")
    local raised = t.raises("volume-open", function() sandbox.run(model, "ours", {}, { source = source }) end)
    t.contains(raised.message, "started again on seattle")
    t.equal(model:runs_on(), { "seattle" })
  end)

  it("stays stopped beside two open Primaries, and the run does not wait for one to go", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model.fail = function(request)
      if request ~= "migrate" then return nil end
      local tokyo = model.hosts.tokyo
      tokyo.role, tokyo.state, tokyo.follows = "primary", "enabled", nil
      return { code = "volume-open", message = "no" }
    end
    local began = model.clock
    local raised = t.raises("volume-open", function() sandbox.run(model, name) end)
    t.contains(raised.message, "london and tokyo are open Primaries")
    t.equal(model:runs_on(), {})
    t.truthy(model.clock - began < 15, model.clock - began)
  end)

  it("is not waited for in a run that is refused before it began anything", function()
    local model = scenes.after_takeover()
    model.fail = function(request) return request == "migrate" and { code = "volume-open", message = "no" } or nil end
    t.raises("volume-open", function() sandbox.run(model, name, { on_failure = "leave" }) end)
    model:revive()
    model.fail = nil
    model:crash("london")
    local began = model.clock
    local raised = t.raises("preflight-failed", function()
      sandbox.run(model, name, { home = "seattle", on_failure = "restart" })
    end)
    t.contains(raised.message, "the application is stopped")
    t.truthy(model.clock - began < 5, model.clock - began)
  end)

  it("is started where the Primary is when a step after the move fails", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    local times = 0
    model.fail = function(request, host)
      if request == "syncrvg" and host == "tokyo" then
        times = times + 1
        return { code = "checkpoint-overflowed", message = "too much" }
      end
      return nil
    end
    t.raises("checkpoint-overflowed", function() sandbox.run(model, "failback-difference-multi") end)
    t.equal(times, 1)
    t.equal(model:runs_on(), { "seattle" })
    model:revive()
    model.fail = nil
    sandbox.run(model, "failback-difference-multi")
    scenes.ends(model, "seattle", { "london", "tokyo" })
  end)

  it("a further Secondary that is detached again does not count as done", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "oslo", "tokyo" } }
    model.fail = function(request, host)
      if request == "syncrvg" and host == "tokyo" then
        local link = model.hosts.seattle.links.oslo
        if link then link.attached = false end
      end
      return nil
    end
    local raised = t.raises("link-detached", function() sandbox.run(model, "failback-difference-multi") end)
    t.contains(raised.message, "replication to oslo")
    model:revive()
    model.fail = nil
    sandbox.run(model, "failback-difference-multi")
    scenes.ends(model, "seattle", { "london", "oslo", "tokyo" })
  end)

  it("whoever handed the role over and is detached again does not count as done", function()
    local cases = {
      { name = "migrate", scene = scenes.healthy{}, to = "london", from = "seattle" },
      { name = "failback-difference", scene = scenes.after_takeover{}, to = "seattle", from = "london" },
      { name = "failback-difference-multi", to = "seattle", from = "london",
        scene = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } } },
    }
    for _, case in ipairs(cases) do
      local model, moved = case.scene, false
      model.fail = function(request)
        moved = moved or request == "migrate"
        local link = model.hosts[case.to].links[case.from]
        if moved and request == "sh" and link then link.attached = false end
        return nil
      end
      local raised = t.raises("link-detached", function() sandbox.run(model, case.name) end)
      t.contains(raised.message, "replication back to " .. case.from, case.name)
      t.contains(raised.hint, "syncrvg hr_rvg " .. case.from, case.name)
      t.equal(model:runs_on(), { case.to }, case.name)
    end
  end)

  it("whose host was lost and came back before the run was done is started by the same command", function()
    for book, case in pairs{
      ["migrate"] = { scene = scenes.healthy{}, home = "london", others = { "seattle" } },
      ["failback-difference"] = { scene = scenes.after_takeover{}, home = "seattle", others = { "london" } },
      ["failback-difference-multi"] = { scene = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } },
        home = "seattle", others = { "london", "tokyo" } },
    } do
      local model, is_started = case.scene, false
      model.fail = function(request, words)
        if request == "end_step" and is_started then
          is_started = false
          model:crash(case.home)
          model:restart(case.home)
        elseif request == "sh" and words[2] == "start" then
          is_started = true
        end
        return nil
      end
      local raised = t.raises("primary-restarted", function() sandbox.run(model, book) end)
      t.contains(raised.message, "the application was started there", book)
      t.contains(raised.hint, "homeward run " .. book, book)
      t.equal(model:runs_on(), {}, book)
      model:revive()
      model.fail = nil
      sandbox.run(model, book)
      scenes.ends(model, case.home, case.others, book)
    end
  end)

  it("a run whose home is lost behind its last step is not done", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    local forgotten, asked = false, 0
    model.fail = function(request)
      forgotten = forgotten or request == "checkdelete"
      if forgotten and request == "end_step" then asked = asked + 1 end
      if asked == 1 then
        asked = 2
        model:crash("seattle")
      end
      return nil
    end
    local raised = t.raises("host-unreachable", function()
      sandbox.run(model, "failback-difference-multi", { start_first = "yes" })
    end)
    t.contains(raised.message, "seattle does not answer any more")
  end)

  it("is started again when the run is interrupted, wherever that is", function()
    local at = 1
    while true do
      local model = scenes.after_takeover()
      model.cancel_at = at
      local ok, raised = pcall(sandbox.run, model, name)
      if ok then break end
      t.equal(raised, sandbox.cancelled, at)
      local primary = model:open_primary()
      t.truthy(primary, at)
      t.equal(model:runs_on(), { primary.name }, "interrupted at " .. at)
      if model.runs[1] then t.equal(model.runs[1].state, "interrupted", at) end
      model:revive()
      sandbox.run(model, name)
      scenes.ends(model, "seattle", { "london" }, "interrupted at " .. at)
      at = at + 1
    end
    t.truthy(at > 70)
  end)

  it("leaves no step running in the journal when it is interrupted, also behind a failure", function()
    local restarts = 0
    for at = 1, 200 do
      local model = scenes.after_takeover()
      failing(model, "migrate", false, "volume-open")
      model.cancel_at = at
      pcall(sandbox.run, model, name)
      local run = model.runs[1]
      for _, step in ipairs(run and run.steps or {}) do
        t.truthy(step.state ~= "running", ("%s, interrupted at %d"):format(step.id, at))
        if step.id == "restart-application" and step.state == "failed" then restarts = restarts + 1 end
      end
    end
    t.truthy(restarts > 0)
  end)

  it("that a run before stopped is started when the next refuses to begin", function()
    local stopped
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if #model:runs_on() == 0 and model:open_primary().name == "london" then
        model:crash("seattle")
        t.raises("preflight-failed", function() sandbox.run(model, name) end)
        t.equal(model:runs_on(), { "london" }, at)
        stopped = true
      end
    end
    t.truthy(stopped)
  end)

  it("is not started twice on the host where its start failed", function()
    local model = scenes.after_takeover()
    local starts = 0
    model.fail = function(request, words)
      if request == "sh" and words[2] == "start" then
        starts = starts + 1
        return { code = "command-failed", message = "it does not start" }
      end
      return nil
    end
    local raised = t.raises("command-failed", function() sandbox.run(model, name) end)
    t.equal(starts, 1)
    t.contains(raised.message, "did not start on seattle")
    model:revive()
    model.fail = nil
    sandbox.run(model, name)
    scenes.ends(model, "seattle", { "london" })
  end)

  it("is stopped on a host that is lost meanwhile without waiting for it", function()
    for at = 1, 300 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, name) then break end
      if model:open_primary().name == "seattle" then
        model:crash("london")
        sandbox.run(model, name)
        t.equal(model:runs_on(), { "seattle" }, at)
      end
    end
  end)
end)

describe("a disk group of another name on one host", function()
  for _, case in ipairs(scenes.all) do
    if case.name ~= "setup-replication" then
      it("is no hindrance: " .. scenes.title(case), function()
        for _, host in ipairs{ "seattle", "london" } do
          local model = case.scene()
          model.hosts[host].dg = "other"
          sandbox.run(model, case.name, case.arguments)
          case.ends(model, host)
        end
      end)
    end
  end
end)

describe("updates that never left", function()
  local name = "failback-difference"

  local function unsent() return scenes.after_takeover{ unsent = 2 } end

  it("are given up only if somebody says so", function()
    local model = unsent()
    model.answers = { "yes" }
    model.yes = true
    sandbox.run(model, name)
    t.equal(model.discarded, 2)
    -- The second is that of the synchronization, which --yes answers.
    t.equal(#model.questions, 2)
    t.contains(model.questions[1], "2 updates of seattle never reached london")
    t.contains(model.questions[1], "4096 bytes")
    scenes.ends(model, "seattle", { "london" })
  end)

  it("are kept where the answer is no, and where nobody can be asked", function()
    local model = unsent()
    model.answers = { "no" }
    t.raises("unsent-updates", function() sandbox.run(model, name) end)
    t.equal(model.hosts.seattle.role, "primary")
    model:revive()
    model.yes = true
    local raised = t.raises("unsent-updates", function() sandbox.run(model, name) end)
    t.contains(raised.hint, "homeward run failback-difference --site site.lua discard_unsent=yes")
    t.contains(raised.hint, "nobody can be asked")
    t.equal(model.discarded, nil)
    t.equal(model:runs_on(), { "london" })
  end)

  it("are kept where the question is not answered at a terminal", function()
    local model = unsent()
    model.terminal = true
    local raised = t.raises("unsent-updates", function() sandbox.run(model, name) end)
    t.contains(raised.hint, "it was not answered, and nothing was discarded; to give them up")
    t.equal(model.discarded, nil)
    t.equal(model:runs_on(), { "london" })
  end)

  it("are given up without a question, or refused before anything is begun", function()
    local model = unsent()
    sandbox.run(model, name, { discard_unsent = "yes" })
    t.equal(#model.questions, 1)
    t.contains(model.questions[1], "no consistent copy")
    t.contains(table.concat(model.said, "\n"), "is kept in /salvage/1 on seattle")
    t.equal(model.discarded, 2)
    model = unsent()
    local raised = t.raises("preflight-failed", function() sandbox.run(model, name, { discard_unsent = "no" }) end)
    t.contains(raised.message, "unsent-updates")
    t.equal(#model.runs, 0)
  end)

  it("leave a run to be started again with the same site file, and one without it says so", function()
    local model = unsent()
    model.yes = true
    t.raises("unsent-updates", function() sandbox.run(model, name) end)
    model:revive()
    t.raises("unsent-updates", function() sandbox.run(model, name, {}, { site = false }) end)
    t.contains(table.concat(model.said, "\n"), "that run had the site file site.lua; this one has none")
  end)

  it("are a question of the plan, with their count", function()
    local model = unsent()
    local plan = sandbox.plan(model, name)
    t.equal(plan.ok, true)
    t.contains(plan.questions[1], "2 updates of seattle never reached london")
    t.equal(#model.questions, 0)
    t.equal(sandbox.plan(model, name, { discard_unsent = "no" }).ok, false)
    t.equal(#sandbox.plan(model, name, { discard_unsent = "yes" }).questions, 1)
  end)
end)

return t.results()
