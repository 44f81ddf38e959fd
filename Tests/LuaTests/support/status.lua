-- What the model's hosts tell of themselves, in the words of the module.

local M = {}

local function link_of(model, host, name)
  local link, other = host.links[name], model.hosts[name]
  local flows = link.attached and other.up
  local status = "unknown"
  if flows and host.role == "primary" then
    status = not other.consistent and "inconsistent" or link.pending > 0 and "behind" or "up-to-date"
  end
  return {
    name = "rlk_" .. name .. "_hr_rvg", secondary = name, remote_dg = other.dg, remote_rvg = "hr_rvg",
    state = link.paused and "PAUSE" or link.attached and "ACTIVE" or "STALE", flags = {},
    kstate = not link.attached and "DETACHED" or flows and "CONNECT" or "ENABLED", data_status = status,
    consistent = other.consistent, diverged = other.up and model:diverged(other, host) or nil,
    behind = { updates = link.pending, bytes = link.pending * 1000, seconds = 0, percent = 0 },
  }
end

local function volumes()
  local list = {}
  for i, name in ipairs{ "hr_dv01", "hr_dv02" } do
    list[i] = { dg = "hrdg", name = name, size = 64 << 20, is_log = false, rvg = "hr_rvg", open_by = {} }
  end
  return list
end

local function member(model, host)
  local links, activity = {}, {}
  for _, name in ipairs(model.names) do
    if host.links[name] then links[#links + 1] = link_of(model, host, name) end
    local checkpoint = host.checkpoints
    for cp, entry in pairs(checkpoint) do
      if entry.job and entry.target == name then activity[#activity + 1] = cp .. ": " .. name .. " is synchronized" end
    end
  end
  local open_by = {}
  if host.open or model.running[host.name] then open_by = { { volume = "hr_dv01", label = "app", process = 7 } } end
  local history = {}
  for i, epoch in ipairs(host.history) do
    history[i] = { number = epoch.number, id = epoch.id, kind = epoch.kind, host = epoch.host,
      first_id = ("0.%d"):format(epoch.before + i - 1) }
  end
  return {
    name = host.name, role = host.role, state = host.state, reason = host.reason, reachable = true, dg = host.dg,
    rvg = host.rvg, consistent = host.consistent, follows = host.follows,
    -- Each reign but the first begins with a record that is no data.
    position = ("0.%d"):format(#host.records + math.max(0, #host.history - 1)),
    shut = host.role == "primary" and host.state == "fenced" or nil,
    log = { name = "hr_srl", size = host.size, used = host.used }, volumes = volumes(), open_by = open_by,
    links = links, activity = activity, history = history,
  }
end

-- host:status()
function M.host(model, name)
  local host = model:host(name)
  local rvgs, peers = {}, {}
  if host.role ~= "none" then
    local own = member(model, host)
    local errors = {}
    for _, other in ipairs(model.names) do
      local rival = other ~= name and model.hosts[other]
      if host.role == "primary" and rival and rival.up and rival.role == "primary" then
        errors[#errors + 1] = { host = other, error = "Primary-Primary configuration" }
      end
    end
    rvgs[1] = { rvg = host.rvg, dg = host.dg, id = "rvg-1", hosts = { own }, links = own.links, config_errors = errors }
  end
  for _, extra in ipairs(model.extra_rvgs or {}) do
    local own = member(model, host)
    own.rvg, own.dg = extra.rvg, extra.dg
    rvgs[#rvgs + 1] = { rvg = extra.rvg, dg = extra.dg, id = extra.rvg, hosts = { own }, links = own.links,
      config_errors = {} }
  end
  for _, other in ipairs(model.names) do
    if other ~= name then peers[#peers + 1] = { name = other, connected = model.hosts[other].up } end
  end
  return { name = name, version = host.version or model.version, settled = true, peers = peers, dgs = { "hrdg" },
    rvgs = rvgs, process = 1 }
end

-- rds:status()
function M.rds(model)
  local primary = model:open_primary()
  local hosts = {}
  for _, name in ipairs(model.names) do
    if model.hosts[name].up and model.hosts[name].role ~= "none" then
      hosts[#hosts + 1] = member(model, model.hosts[name])
    end
  end
  return { rvg = "hr_rvg", dg = "hrdg", id = "rvg-1", primary = primary and primary.name, hosts = hosts,
    links = primary and member(model, primary).links or {}, config_errors = {} }
end

function M.checkpoints(host)
  local names, list = {}, {}
  for name in pairs(host.checkpoints) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    list[i] = { name = name, state = host.checkpoints[name].state, bytes = 0, percent = 0, start_id = "0.1" }
  end
  return list
end

return M
