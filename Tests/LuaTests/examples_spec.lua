-- scripts/examples: each is run against the model, with programs that stand for those of a site.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local texts = require("texts")
local describe, it = t.describe, t.it

-- The programs of a site, which stop and start the model's application.
local function programs(model)
  local function app(verb, host) return model:command({ "app", verb }, host) end
  model.programs = {
    systemctl = function(words, host)
      if words[2] == "show" then
        return { code = 0, out = model.running[host] and "active\n" or "inactive\n", err = "" }
      end
      if words[2] == "stop" or words[2] == "start" then return app(words[2], host) end
      return { code = 0, out = "", err = "" }
    end,
    pg_ctlcluster = function(words, host)
      local is_running = model.running[host] or false
      if is_running == (words[4] == "start") then return { code = 2, out = "", err = "nothing to do" } end
      return app(words[4], host)
    end,
    ["/usr/lib/postgresql/15/bin/pg_controldata"] = function(_, host)
      local state = model.pg_state or model.running[host] and "in production" or "shut down"
      return { code = 0, err = "",
        out = "pg_control version number: 1300\nDatabase cluster state:   " .. state .. "\n" }
    end,
  }
  return model
end

describe("site-systemd", function()
  local site = texts["examples/site-systemd.lua"]

  it("stops and starts the unit", function()
    local model = programs(scenes.after_takeover())
    sandbox.run(model, "failback-difference", {}, { site = site })
    scenes.ends(model, "seattle", { "london" })
    t.contains(table.concat(model.shell, "\n"), "systemctl stop billing.service on london")
  end)

  it("fails the step when the unit does not stop", function()
    local model = programs(scenes.after_takeover())
    local show = model.programs.systemctl
    model.programs.systemctl = function(words, host)
      if words[2] == "show" and host == "london" then return { code = 0, out = "deactivating\n", err = "" } end
      return show(words, host)
    end
    local raised = t.raises("command-failed", function()
      sandbox.run(model, "failback-difference", {}, { site = site })
    end)
    t.contains(raised.message, "left it deactivating")
    t.contains(raised.hint, "journalctl")
  end)
end)

describe("site-postgresql", function()
  local site = texts["examples/site-postgresql.lua"]

  it("stops and starts the cluster, and looks at its state", function()
    local model = programs(scenes.after_takeover())
    sandbox.run(model, "failback-difference", {}, { site = site })
    scenes.ends(model, "seattle", { "london" })
    t.contains(table.concat(model.shell, "\n"), "pg_ctlcluster 15 main stop -m fast on london")
  end)

  it("lets PostgreSQL recover after a takeover, and refuses other states", function()
    local model = programs(scenes.after_loss{ ahead = "london" })
    model.pg_state = "in production"
    sandbox.run(model, "takeover", {}, { site = site })
    scenes.ends(model, "london", {})
    t.contains(table.concat(model.said, "\n"), "it recovers first")
    model = programs(scenes.after_loss{ ahead = "london" })
    model.pg_state = "in archive recovery"
    local raised = t.raises("command-failed", function() sandbox.run(model, "takeover", {}, { site = site }) end)
    t.contains(raised.message, "in archive recovery")
  end)

  it("unmounts and mounts its file system", function()
    local model = programs(scenes.after_takeover())
    local mounted = { london = true }
    model.programs.mountpoint = function(_, host) return { code = mounted[host] and 0 or 32, out = "", err = "" } end
    model.programs.umount = function(_, host)
      mounted[host] = nil
      return { code = 0, out = "", err = "" }
    end
    model.programs.mount = function(_, host)
      mounted[host] = true
      return { code = 0, out = "", err = "" }
    end
    local text, count = site:gsub("local mount = false %-%- ", "local mount = ")
    t.equal(count, 1)
    sandbox.run(model, "failback-difference", {}, { site = text })
    scenes.ends(model, "seattle", { "london" })
    t.equal(mounted, { seattle = true })
  end)
end)

describe("failback-with-drain", function()
  local source = texts["examples/failback-with-drain.lua"]

  it("drains, moves, looks and gives the traffic back", function()
    local model = programs(scenes.after_takeover())
    local result = sandbox.run(model, "failback-with-drain", {}, { source = source })
    scenes.ends(model, "seattle", { "london" })
    t.equal(#result.steps, 10)
    local seen = table.concat(model.shell, "\n")
    t.contains(seen, "balancer drain billing")
    t.contains(seen, "balancer point billing seattle\nbalancer resume billing")
  end)

  it("is a good runbook, and plans", function()
    t.equal(sandbox.call(scenes.healthy(), "check", "failback-with-drain", {}, { source = source }).problems, {})
    t.equal(sandbox.plan(scenes.after_takeover(), "failback-with-drain", {}, { source = source }).ok, true)
  end)

  it("gives the traffic back when it fails, and when it is interrupted", function()
    local name = "failback-with-drain"
    for _, is_cancelled in ipairs{ false, true } do
      local model = scenes.after_takeover()
      model.fail = function(request)
        if request ~= "migrate" then return nil end
        if is_cancelled then
          model.cancel_at = model.requests + 1
          return nil
        end
        return { code = "volume-open", message = "open" }
      end
      t.truthy(not pcall(sandbox.run, model, name, {}, { source = source }))
      local seen = table.concat(model.shell, "\n")
      local _, drained = seen:find("balancer drain billing", 1, true)
      t.truthy(drained and seen:find("balancer resume billing", drained, true), seen)
      t.equal(model:runs_on(), { model:open_primary().name })
    end
  end)

  it("ends when another host takes over in its middle", function()
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    model.fail = function(request)
      if request == "begin_run" then scenes.usurp(model) end
      return nil
    end
    local raised = t.raises("not-primary", function()
      sandbox.run(model, "failback-with-drain", { home = "seattle" }, { source = source })
    end)
    t.contains(raised.message, "this run began under london")
  end)

  it("ends well wherever it was killed", function()
    for at = 1, 400, 3 do
      local model = scenes.after_takeover()
      if not sandbox.kill(model, at, "failback-with-drain", {}, { source = source }) then break end
      sandbox.run(model, "failback-with-drain", {}, { source = source })
      scenes.ends(model, "seattle", { "london" }, "killed at " .. at)
    end
  end)
end)

describe("failback-by-hand", function()
  local text = texts["examples/failback-by-hand.lua"]

  local function exec(model, ...) return sandbox.exec(model, text, "failback-by-hand.lua", ...) end

  it("does Example 3", function()
    local model = programs(scenes.after_takeover())
    exec(model, "seattle", "london")
    scenes.ends(model, "seattle", { "london" })
    exec(model, "seattle", "london")
    scenes.ends(model, "seattle", { "london" })
  end)

  it("leaves the application where the Primary is when it fails", function()
    local model = programs(scenes.after_takeover())
    model.fail = function(request)
      return request == "migrate" and { code = "volume-open", message = "open" } or nil
    end
    t.raises("volume-open", function() exec(model, "seattle", "london") end)
    t.equal(model:runs_on(), { "london" })
    model.fail = nil
    exec(model, "seattle", "london")
    scenes.ends(model, "seattle", { "london" })
  end)

  it("says what it needs", function()
    t.raises("usage", function() exec(scenes.after_takeover(), "seattle") end)
  end)
end)

describe("the runbook of scripts/README.md", function()
  it("is right", function()
    local source = texts["README.md"]:match("reads like the procedure:\n\n```lua\n(.-\nreturn M\n)```\n")
    t.truthy(source)
    t.equal(sandbox.call(scenes.healthy(), "check", "backup", {}, { source = source }).problems, {})
    local model = scenes.healthy()
    local result = sandbox.run(model, "backup", { host = "london" }, { source = source })
    t.equal(#result.steps, 3)
    t.equal(model.shell, { "/usr/local/bin/backup /backup on london" })
    t.equal(model.hosts.seattle.links.london.paused, nil)
    t.contains(table.concat(model.log, " "), "pauserep")
  end)
end)

describe("the site file of scripts/README.md", function()
  it("is right", function()
    local readme = texts["README.md"]
    local site = readme:match("```lua\n(local hw = require%(\"homeward\"%)\n\n%-%- Whether it runs there.-\n}\n)```\n")
    t.truthy(site)
    local model = scenes.after_takeover()
    local pings = 0
    model.programs = {
      ["redis-cli"] = function(words, host)
        if words[4] == "ping" then
          pings = pings + 1
          return { code = model.running[host] and 0 or 1, out = "", err = "" }
        end
        return model:command({ "app", "stop" }, host)
      end,
      ["redis-server"] = function(_, host) return model:command({ "app", "start" }, host) end,
    }
    sandbox.run(model, "failback-difference", {}, { site = site })
    scenes.ends(model, "seattle", { "london" })
    t.truthy(pings >= 2)
  end)
end)

return t.results()
