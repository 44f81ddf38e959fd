-- Where each runbook begins, and how things have to stand at its end.

local sandbox = require("support.sandbox")
local t = require("support.harness")
local verbs = require("support.verbs")

local M = {}

local function running_on_seattle(hosts)
  local model = sandbox.new(hosts)
  model.running.seattle = true
  for _ = 1, 3 do model:write() end
  model:deliver()
  return model
end

-- seattle was lost and london has taken over; seattle is back, the application runs on london.
function M.after_takeover(options)
  options = options or {}
  local model = running_on_seattle(options.hosts or { "seattle", "london" })
  for _ = 1, options.unsent or 0 do model:write() end
  model:crash("seattle")
  verbs.takeover(model, "london")
  model.running.london = true
  model:restart("seattle")
  return model
end

-- tokyo takes over from london, in the middle of whatever is at work.
function M.usurp(model)
  local london, tokyo = model.hosts.london, model.hosts.tokyo
  london.state, london.reason = "fenced", "tokyo took over"
  tokyo.role, tokyo.state, tokyo.follows = "primary", "enabled", nil
  tokyo.history[#tokyo.history + 1] = model:epoch("takeover", "tokyo")
end

-- seattle was lost, with the application on it.
function M.after_loss(options)
  options = options or {}
  local model = running_on_seattle(options.hosts or { "seattle", "london", "tokyo" })
  if options.ahead then
    local host = model.hosts[options.ahead]
    model.records = model.records + 1
    host.records[#host.records + 1] = model.records
    table.insert(model.hosts.seattle.records, model.records)
  end
  model:crash("seattle")
  return model
end

function M.healthy(options)
  return running_on_seattle((options or {}).hosts or { "seattle", "london" })
end

function M.bare(options)
  local model = sandbox.new((options or {}).hosts or { "seattle", "london", "tokyo" }, { bare = true })
  for _, name in ipairs(model.names) do model.hosts[name].records = { 1, 2 } end
  return model
end

-- The one open Primary is `primary`, the application runs there and nowhere else, and replication runs to `to`.
function M.ends(model, primary, to, note, application)
  local open = model:open_primary()
  t.equal(open and open.name, primary, note)
  t.equal(model:runs_on(), application == false and {} or { primary }, note)
  model:deliver()
  for _, name in ipairs(to) do
    t.truthy(open.links[name] and open.links[name].attached, ("%s: %s is not attached"):format(note or "", name))
    t.equal(model.hosts[name].records, open.records, note)
  end
  for name in pairs(open.checkpoints) do t.equal(name, nil, (note or "") .. ": a checkpoint is left") end
end

-- Each bundled runbook: where it begins, with what, and its end.
M.all = {
  { name = "failback-difference", arguments = {}, scene = function() return M.after_takeover() end,
    ends = function(model, note) M.ends(model, "seattle", { "london" }, note) end },
  { name = "failback-difference", note = "outage=short, unsent updates",
    arguments = { outage = "short", discard_unsent = "yes" },
    scene = function() return M.after_takeover{ unsent = 2 } end, again = { discard_unsent = "yes" },
    ends = function(model, note) M.ends(model, "seattle", { "london" }, note) end },
  { name = "failback-difference-multi", arguments = {},
    scene = function() return M.after_takeover{ hosts = { "seattle", "london", "tokyo" } } end,
    ends = function(model, note) M.ends(model, "seattle", { "london", "tokyo" }, note) end },
  { name = "failback-difference-multi", note = "four hosts, start_first", arguments = { start_first = "yes" },
    scene = function() return M.after_takeover{ hosts = { "seattle", "london", "oslo", "tokyo" } } end,
    ends = function(model, note) M.ends(model, "seattle", { "london", "oslo", "tokyo" }, note) end },
  { name = "migrate", arguments = {}, scene = function() return M.healthy() end,
    ends = function(model, note) M.ends(model, "london", { "seattle" }, note) end },
  { name = "migrate", note = "three hosts", arguments = { to = "london" },
    scene = function() return M.healthy{ hosts = { "seattle", "london", "tokyo" } } end, again = {},
    ends = function(model, note) M.ends(model, "london", { "seattle", "tokyo" }, note) end },
  { name = "takeover", arguments = {}, scene = function() return M.after_loss{ ahead = "london" } end,
    ends = function(model, note) M.ends(model, "london", {}, note) end },
  { name = "setup-replication", arguments = { primary = "seattle", rvg = "hr_rvg" },
    scene = function() return M.bare() end,
    ends = function(model, note) M.ends(model, "seattle", { "london", "tokyo" }, note, false) end },
  { name = "setup-replication", note = "copy=none", arguments = { primary = "seattle", rvg = "hr_rvg", copy = "none" },
    scene = function() return M.bare() end,
    ends = function(model, note) M.ends(model, "seattle", { "london", "tokyo" }, note, false) end },
}

function M.title(case) return case.note and ("%s (%s)"):format(case.name, case.note) or case.name end

return M
