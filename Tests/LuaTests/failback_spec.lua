-- failback-difference: Example 3, and started again from wherever it was killed.

local sandbox = require("support.sandbox")
local t = require("support.harness")
local describe, it = t.describe, t.it

local name = "failback-difference"

-- seattle was lost and london has taken over; seattle is back, the application runs on london.
local function scene(options)
  options = options or {}
  local model = sandbox.new(options.hosts or { "seattle", "london" })
  model.running.seattle = true
  for _ = 1, 3 do model:write() end
  model:deliver()
  if options.unsent then
    model:write()
  end
  model:crash("seattle")
  local verbs = require("support.verbs")
  verbs.takeover(model, "london")
  model.running.london = true
  model:restart("seattle")
  return model
end

local function home(model, note)
  t.equal(model:open_primary() and model:open_primary().name, "seattle", note)
  t.equal(model:runs_on(), { "seattle" }, note)
  t.truthy(model.hosts.seattle.links.london.attached, note)
  model:deliver()
  t.equal(model.hosts.london.records, model.hosts.seattle.records, note)
end

describe(name, function()
  it("brings the role home", function()
    local model = scene()
    local result = sandbox.run(model, name)
    home(model)
    local ids = {}
    for i, step in ipairs(result.steps) do ids[i] = step.id end
    t.equal(ids, { "makesec", "synchronize", "stop-application", "start-replication", "await-up-to-date", "migrate",
      "start-application" })
    t.equal(result.state, "done")
    t.equal(result.parameters.home, "seattle")
    t.truthy(result.outage and result.outage >= 0)
    t.equal(result.bytes_sent, 1 << 20)
    t.equal(model.runs[1].state, "done")
    for _, line in ipairs(model.said) do t.truthy(#line <= 110, line) end
  end)

  it("done again asks no host for anything, and starts the application, which somebody may have stopped", function()
    local model = scene()
    sandbox.run(model, name)
    model:revive()
    local result = sandbox.run(model, name)
    home(model)
    for _, step in ipairs(result.steps) do
      t.equal(step.state, step.id == "start-application" and "done" or "skipped", step.id)
    end
    t.equal(#model.shell, 1)
  end)

  it("ends well wherever it was killed", function()
    local at, killed = 1, true
    while killed do
      local model = scene()
      killed = sandbox.kill(model, at, name)
      if killed then
        sandbox.run(model, name)
        home(model, "killed at " .. at)
      end
      at = at + 1
    end
    t.truthy(at > 30, "only " .. at .. " requests")
  end)
end)

return t.results()
