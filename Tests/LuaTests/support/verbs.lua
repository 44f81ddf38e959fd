-- What the model's hosts do about each verb.

local models = require("support.model")

local M = {}

local refuse, copy = models.refuse, models.copy

function M.makesec(model, name, away_name, force)
  local home, away = model:host(name), model:host(away_name)
  if home.role == "secondary" and home.follows == away_name then return { already = true, summary = "already so" } end
  if home.role ~= "primary" then refuse("not-primary", name .. " is not a Primary") end
  if away.role ~= "primary" or away.state ~= "enabled" then refuse("not-primary", away_name .. " is not open") end
  if model.running[name] or home.open then refuse("volume-open", "hr_dv01 is open") end
  local count = model:diverged(home, away)
  if count > 0 and not force then
    refuse("unsent-updates", ("%d updates of %s never reached %s: 4096 bytes, hr_dv01 0-4096, 03:12 to 03:13"):format(
      count, name, away_name), { host = name })
  end
  model.discarded = (model.discarded or 0) + count
  home.role, home.follows, home.state, home.reason = "secondary", away_name, "enabled", nil
  home.checkpoints = {}
  away.links[name].attached = false
  return { already = false, summary = ("%s is a Secondary of %s, detached"):format(name, away_name), notes = {},
    discarded = count > 0 and { updates = count, salvage_file = "/salvage/1" } or nil }
end

-- Whether `host` holds what was written in an epoch that followed the last one of `other`.
local function is_beyond(host, other)
  local last = other.history[#other.history].id
  for i, epoch in ipairs(host.history) do
    if epoch.id == last then return i < #host.history and #host.records > host.history[i + 1].before end
  end
  return false
end

function M.takeover(model, name, force)
  local host = model:host(name)
  if host.role == "primary" and host.state == "enabled" then refuse("already-primary", name .. " is a Primary") end
  if model:open_primary() then refuse("primary-reachable", "the Primary answers") end
  if not host.consistent then refuse("inconsistent", name .. " is inconsistent") end
  for _, other_name in ipairs(model.names) do
    local other = model.hosts[other_name]
    local is_more = is_beyond(other, host) or #other.records > #host.records and not is_beyond(host, other)
    if other ~= host and other.up and other.role == "secondary" and is_more and not force then
      refuse("better-secondary", ("%s holds more"):format(other_name))
    end
  end
  local old = host.follows
  host.history[#host.history + 1] = model:epoch("takeover", name)
  host.role, host.state, host.follows, host.checkpoints = "primary", "enabled", nil, {}
  for _, link in pairs(host.links) do link.attached, link.pending = false, 0 end
  return { already = false, summary = name .. " is the Primary", notes = {},
    takeover = { epoch = model.epochs, fork_id = ("0.%d"):format(#host.records), old_primary = old } }
end

local function report(name, checkpoint, already)
  return { already = already, identical = already, bytes_compared = already and 0 or 1 << 27,
    bytes_differing = already and 0 or 1 << 20, bytes_sent = already and 0 or 1 << 20, seconds = 1,
    secondaries = { { secondary = name, checkpoint = checkpoint, already = already } } }
end

-- Begins a job; it is the Primary's, and stays if the runner dies.
function M.begin_sync(model, name, options)
  local primary, host = model:primary(), model:host(name)
  local link = primary.links[name] or refuse("unknown-secondary", name)
  if host.role == "primary" then refuse("primary-primary", name .. " is a Primary") end
  if link.attached then refuse("link-attached", "the RLINK is attached") end
  local known = primary.checkpoints[options.checkpoint]
  if known and known.job and known.target == name then return primary, host, known end
  if known and known.state == "completed" and known.target == name and host.receipt == known.id then
    return primary, host, known, true
  end
  if known and known.state ~= "overflowed" then refuse("checkpoint-name-in-use", options.checkpoint) end
  for other, checkpoint in pairs(primary.checkpoints) do
    if checkpoint.job and checkpoint.target == name then refuse("sync-in-progress", other .. " runs") end
  end
  local another = false
  for _, other in ipairs(model.names) do
    if other ~= name and other ~= primary.name and model.hosts[other].up and model.hosts[other].consistent then
      another = true
    end
  end
  if not another and host.consistent and not options.consent then
    refuse("needs-consent", "no consistent copy but the Primary's. Go on?")
  end
  model.checkpoint_ids = model.checkpoint_ids + 1
  known = { id = model.checkpoint_ids, state = "started", target = name, job = true }
  primary.checkpoints[options.checkpoint] = known
  host.consistent, host.receipt, host.follows = false, nil, primary.name
  return primary, host, known
end

function M.syncrvg(model, name, options)
  local primary, host, checkpoint, already = M.begin_sync(model, name, options)
  if already then return report(name, options.checkpoint, true) end
  if model.overflows then
    checkpoint.state, checkpoint.job = "overflowed", false
    refuse("checkpoint-overflowed", options.checkpoint .. " overflowed and is deleted")
  end
  host.records, host.history = copy(primary.records), copy(primary.history)
  checkpoint.state, checkpoint.job, host.receipt = "completed", false, checkpoint.id
  if options.on_progress then
    options.on_progress{ phase = "compare", host = name, bytes_total = 1 << 27, bytes_compared = 1 << 26,
      bytes_differing = 4096, bytes_sent = 4096, seconds_left = 3 }
  end
  return report(name, options.checkpoint, false)
end

function M.startrep(model, name, options)
  local primary, host = model:primary(), model:host(name)
  local link = primary.links[name] or refuse("unknown-secondary", name)
  if link.attached then return { already = true, summary = "replication runs" } end
  if host.role == "primary" then refuse("primary-primary", name .. " is a Primary") end
  if options.identical then
    if #host.records ~= #primary.records or model:diverged(host, primary) > 0 then
      refuse("not-up-to-date", name .. " holds other records, so the two are not identical")
    end
    host.follows, host.history = primary.name, copy(primary.history)
  else
    local checkpoint = primary.checkpoints[options.checkpoint]
    if not checkpoint then refuse("unknown-checkpoint", options.checkpoint) end
    if checkpoint.state == "overflowed" then refuse("checkpoint-overflowed", options.checkpoint) end
    if checkpoint.job then refuse("checkpoint-incomplete", options.checkpoint) end
    if host.receipt ~= checkpoint.id then refuse("no-receipt", options.checkpoint) end
    host.receipt = nil
  end
  link.attached, link.pending = true, 1
  return { already = false, summary = ("replication to %s is started"):format(name), notes = {} }
end

function M.migrate(model, name)
  local primary, to = model:open_primary(), model:host(name)
  if primary == to then return { already = true, summary = name .. " is the Primary already" } end
  if not primary then refuse("not-primary", "no Primary answers") end
  if model.running[primary.name] or primary.open then
    refuse("volume-open", "hr_dv01 is open", { host = primary.name })
  end
  local link = primary.links[name]
  if not link.attached then refuse("link-detached", "the RLINK is detached") end
  if link.pending > 0 or not to.consistent then refuse("not-up-to-date", name .. " is behind") end
  to.history = copy(primary.history)
  to.history[#to.history + 1] = model:epoch("migrate", name)
  primary.role, primary.follows, primary.checkpoints, primary.history = "secondary", name, {}, copy(to.history)
  local function open()
    to.role, to.state, to.follows, to.checkpoints = "primary", "enabled", nil, {}
    for _, other in pairs(to.links) do other.attached, other.pending = false, 0 end
    to.links[primary.name].attached = true
  end
  -- The new Primary may hear of it a little later.
  if model.is_slow then model.later = open else open() end
  return { already = false, summary = name .. " is the Primary", notes = {} }
end

function M.createpri(model, name)
  local host = model:host(name)
  if host.role == "primary" then refuse("name-in-use", "hr_rvg exists") end
  host.role, host.state, host.history = "primary", "enabled", { model:epoch("created", name) }
  return { already = false, summary = "created", notes = {} }
end

function M.addsec(model, primary_name, name)
  local primary, host = model:host(primary_name), model:host(name)
  if primary.role ~= "primary" then refuse("not-primary", primary_name) end
  if host.role ~= "none" then refuse("name-in-use", "hr_rvg exists on " .. name) end
  host.role, host.follows, host.consistent = "secondary", primary_name, false
  for _, other_name in ipairs(model.names) do
    local other = model.hosts[other_name]
    if other ~= host and other.role ~= "none" then
      other.links[name] = other.links[name] or { attached = false, pending = 0 }
      host.links[other_name] = host.links[other_name] or { attached = false, pending = 0 }
    end
  end
  return { already = false, summary = "added", notes = {} }
end

function M.checkdelete(model, name)
  local primary = model:primary()
  if not primary.checkpoints[name] then refuse("unknown-checkpoint", name) end
  primary.checkpoints[name] = nil
  return { already = false, summary = name .. " is deleted", notes = {} }
end

return M
