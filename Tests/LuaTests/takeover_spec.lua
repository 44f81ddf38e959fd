-- takeover: the ranking, what would be lost, and what is refused.

local models = require("support.model")
local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local verbs = require("support.verbs")
local describe, it = t.describe, t.it

describe("takeover", function()
  it("chooses the Secondary that holds most, and shows the others", function()
    local model = scenes.after_loss{ ahead = "tokyo" }
    model.hosts.london.heard = "0.6"
    sandbox.run(model, "takeover")
    scenes.ends(model, "tokyo", {})
    local said = table.concat(model.said, "\n")
    t.contains(said, "tokyo holds updates up to 0.4; at least 2 updates are lost")
    t.contains(said, "london holds updates up to 0.3; at least 3 updates are lost")
    t.contains(said, "seattle: no answer")
  end)

  it("asks to choose where two hold the same", function()
    local model = scenes.after_loss()
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover") end)
    t.contains(raised.hint, "to=london")
    sandbox.run(model, "takeover", { to = "tokyo" })
    scenes.ends(model, "tokyo", {})
  end)

  it("refuses a worse one unless told", function()
    local model = scenes.after_loss{ ahead = "tokyo" }
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", { to = "london" }) end)
    t.equal(raised.problems[1].code, "better-secondary")
    t.contains(raised.message, "tokyo holds 1 update more than london")
    t.contains(raised.hint, "worse=yes")
    sandbox.run(model, "takeover", { to = "london", worse = "yes" })
    scenes.ends(model, "london", {})
  end)

  it("refuses while the Primary answers, and one that is inconsistent", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", { to = "london" }) end)
    t.equal(raised.problems[1].code, "primary-reachable")
    model = scenes.after_loss()
    model.hosts.london.consistent = false
    raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", { to = "london" }) end)
    t.equal(raised.problems[1].code, "inconsistent")
    sandbox.run(model, "takeover")
    scenes.ends(model, "tokyo", {})
  end)

  it("names what is left when no Secondary is consistent", function()
    local model = scenes.after_loss()
    model.hosts.london.consistent, model.hosts.tokyo.consistent = false, false
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", { to = "london" }) end)
    t.contains(raised.hint, "start what does not answer: seattle")
    t.equal(raised.hint:find("vxrvg"), nil)
    model:restart("seattle")
    model.hosts.seattle.state = "fenced"
    for _, arguments in ipairs{ { to = "london" }, {} } do
      raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", arguments) end)
      t.contains(raised.hint, "vxrvg -g hrdg -f start hr_rvg --host seattle")
      t.equal(raised.hint:find("to=", 1, true), nil)
    end
  end)

  it("counts as lost what a Primary holds that answers and is shut", function()
    local model = scenes.after_loss()
    model:restart("seattle")
    local seattle = model.hosts.seattle
    seattle.state = "fenced"
    -- What is shut opens no epoch.
    seattle.history[#seattle.history] = nil
    seattle.records = { 1, 2, 3, 4, 5 }
    sandbox.run(model, "takeover", { to = "london" })
    t.contains(table.concat(model.said, "\n"), "london holds updates up to 0.3; at least 2 updates are lost")
  end)

  -- tokyo has more of seattle's time than london, which took over; seattle came back under london, which is lost now.
  local function after_second_loss(written)
    local model = scenes.after_loss{ ahead = "tokyo" }
    for _ = 1, 3 do table.insert(model.hosts.tokyo.records, 1000 + #model.hosts.tokyo.records) end
    model.hosts.tokyo.up = false
    verbs.takeover(model, "london")
    if written then
      model.running.london = true
      model:write()
    end
    model:restart("seattle")
    local london, seattle = model.hosts.london, model.hosts.seattle
    seattle.role, seattle.state, seattle.follows = "secondary", "enabled", "london"
    seattle.history, seattle.records = models.copy(london.history), models.copy(london.records)
    model:revive()
    model:crash("london")
    model.hosts.tokyo.up = true
    return model
  end

  it("prefers what was written since another host became Primary, whatever the ids", function()
    local model = after_second_loss(true)
    t.truthy(#model.hosts.tokyo.records > #model.hosts.seattle.records)
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", { to = "tokyo" }) end)
    t.equal(raised.problems[1].code, "better-secondary")
    t.contains(raised.message, "seattle holds what was written since london became Primary, and tokyo does not")
    t.contains(raised.message, "tokyo holds updates up to 0.7 of the time before london became Primary")
    t.contains(raised.hint, "to=seattle")
    model:revive()
    sandbox.run(model, "takeover")
    scenes.ends(model, "seattle", {})
  end)

  it("does not prefer a reign in which nothing was written", function()
    local model = after_second_loss(false)
    sandbox.run(model, "takeover")
    scenes.ends(model, "tokyo", {})
    model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    model.running = {}
    verbs.migrate(model, "london")
    model:revive()
    model:crash("london")
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover") end)
    t.contains(raised.message, "seattle and tokyo hold the same")
    sandbox.run(model, "takeover", { to = "tokyo" })
    scenes.ends(model, "tokyo", {})
  end)

  it("leaves it to people where each holds what the other does not", function()
    local model = after_second_loss(true)
    -- tokyo was Primary too, apart from london.
    local tokyo = model.hosts.tokyo
    tokyo.history[#tokyo.history + 1] = model:epoch("takeover", "tokyo")
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover") end)
    t.contains(raised.message, "hold what the other does not")
    sandbox.run(model, "takeover", { to = "tokyo" })
    scenes.ends(model, "tokyo", {})
  end)

  it("refuses beside two open Primaries as beside one", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    local london = model.hosts.london
    london.role, london.state, london.follows = "primary", "enabled", nil
    for _, arguments in ipairs{ {}, { to = "tokyo" } } do
      local raised = t.raises("preflight-failed", function() sandbox.run(model, "takeover", arguments) end)
      t.equal(raised.problems[1].code, "primary-primary")
      t.contains(raised.message, "seattle and london are open Primaries")
    end
  end)

  it("does not stop an application on the host that was lost", function()
    local model = scenes.after_loss{ ahead = "london" }
    sandbox.run(model, "takeover")
    t.equal(model.shell, { "app start on london" })
  end)
end)

describe("migrate", function()
  it("there and back again", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    sandbox.run(model, "migrate", { to = "london" })
    scenes.ends(model, "london", { "seattle", "tokyo" })
    model:revive()
    sandbox.run(model, "migrate", { to = "seattle" })
    scenes.ends(model, "seattle", { "london", "tokyo" })
  end)

  it("is not begun while nothing replicates to the host", function()
    local model = scenes.healthy()
    model.hosts.seattle.links.london.attached = false
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "migrate") end)
    t.equal(raised.problems[1].code, "link-detached")
    t.equal(model:runs_on(), { "seattle" })
  end)

  it("is not begun while a further Secondary is lost", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    model:crash("tokyo")
    local raised = t.raises("preflight-failed", function() sandbox.run(model, "migrate", { to = "london" }) end)
    local codes = {}
    for i, problem in ipairs(raised.problems) do codes[i] = problem.code end
    t.equal(codes, { "host-unreachable", "link-disconnected" })
  end)

  it("synchronizes a further Secondary that ends elsewhere", function()
    local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
    model.fail = function(request, host, options)
      if request == "startrep" and host == "tokyo" and options.identical then
        return { code = "not-up-to-date", message = "tokyo lacks some" }
      end
      return nil
    end
    sandbox.run(model, "migrate", { to = "london" })
    scenes.ends(model, "london", { "seattle", "tokyo" })
    t.contains(table.concat(model.log, " "), "syncrvg")
  end)
end)

describe("setup-replication", function()
  it("infers volumes, log and Secondaries", function()
    local model = scenes.bare()
    local plan = sandbox.plan(model, "setup-replication", { primary = "seattle", rvg = "hr_rvg" })
    local values = {}
    for _, parameter in ipairs(plan.parameters) do values[parameter.name] = parameter.value end
    t.equal(values.volumes, "hr_dv01,hr_dv02")
    t.equal(values.srl, "hr_srl")
    t.equal(values.secondaries, "london,tokyo")
    t.equal(plan.steps[1].commands, { "seattle # vradmin -g hrdg createpri hr_rvg hr_dv01,hr_dv02 hr_srl" })
  end)

  it("asks for what nobody can know", function()
    local raised = t.raises("preflight-failed", function() sandbox.run(scenes.bare(), "setup-replication") end)
    t.contains(raised.message, "primary: it is not known, and has to be given")
  end)
end)

return t.results()
