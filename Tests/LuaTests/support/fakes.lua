-- The module `homeward` on the model.

local models = require("support.model")
local status = require("support.status")
local verbs = require("support.verbs")

local M = {}

local function name_of(host) return type(host) == "table" and host.name or host end

-- A verb that changes something: noted in a plan, else a request.
local function changing(model, name, line, effect, ...)
  if model.is_planning then
    model.planned[#model.planned + 1] = line
    return { planned = true }
  end
  return model:request(name, effect, ...)
end

local function flags(options)
  options = options or {}
  local text = options.checkpoint and "-c " .. options.checkpoint .. " " or ""
  if options.identical or options.force then text = text .. "-f " end
  return text
end

local function class(name, methods)
  return { __index = methods, __name = name, __tostring = function(self) return self.name end }
end

-- The same of objects that name a disk group: `host_of` gives the host that looks for it.
local function in_group(name, methods, host_of)
  local checked = {}
  for key, method in pairs(methods) do
    checked[key] = function(self, ...)
      local host = host_of(self)
      if self.dg and host and host.dg ~= self.dg then
        models.refuse("unknown-rvg", "there is none in " .. self.dg, { host = host.name })
      end
      return method(self, ...)
    end
  end
  return class(name, checked)
end

-- The module `homeward`.
function M.homeward(model)
  local hw = {}

  local RVG = in_group("RVG", {
    makesec = function(self, away, options)
      local to, force = name_of(away), options and options.force
      local line = ("%s # vradmin -g hrdg %smakesec hr_rvg %s"):format(self.host, flags(options), to)
      return changing(model, "makesec", line,
        function() return verbs.makesec(model, self.host, to, force) end, self.host, to, force)
    end,
    takeover = function(self, options)
      local line = ("%s # vradmin -g hrdg -N %stakeover hr_rvg"):format(self.host, flags(options))
      return changing(model, "takeover", line,
        function() return verbs.takeover(model, self.host, options and options.force) end, self.host)
    end,
    createpri = function(self, volumes, srl)
      return changing(model, "createpri", ("%s # vradmin -g hrdg createpri hr_rvg %s %s"):format(self.host,
        table.concat(volumes, ","), srl), function() return verbs.createpri(model, self.host) end, self.host)
    end,
    cplist = function(self)
      return model:request("cplist", function() return status.checkpoints(model:host(self.host)) end)
    end,
    status = function(self)
      return model:request("status", function()
        model:host(self.host)
        return status.rds(model)
      end)
    end,
  }, function(self) return model.hosts[self.host] end)

  local RLink = class("RLink", {
    updates = function(self)
      return model:request("updates", function()
        local host = model:host(self.host)
        return { rlink = self.name, secondary_id = ("0.%d"):format(#host.records), primary_id = host.heard }
      end)
    end,
  })

  local Host = class("Host", {
    rlink = function(self, dg, name) return setmetatable({ host = self.name, dg = dg, name = name }, RLink) end,
    rvg = function(self, dg, rvg) return setmetatable({ host = self.name, dg = dg, rvg = rvg, name = rvg }, RVG) end,
    dg = function(self, dg)
      return { name = dg, volumes = function()
        return model:request("volumes", function() return M.volumes(model, self.name) end)
      end }
    end,
    volumes = function(self)
      return model:request("volumes", function() return M.volumes(model, self.name) end)
    end,
    status = function(self) return model:request("status", function() return status.host(model, self.name) end) end,
  })

  local RDS = in_group("RDS", {
    status = function() return model:request("status", function() return status.rds(model) end) end,
    syncrvg = function(_, host, options)
      local name = name_of(host)
      return changing(model, "syncrvg", ("vradmin -g hrdg %ssyncrvg hr_rvg %s"):format(flags(options), name),
        function() return verbs.syncrvg(model, name, options) end, name, options)
    end,
    startrep = function(_, host, options)
      local name = name_of(host)
      return changing(model, "startrep", ("vradmin -g hrdg %sstartrep hr_rvg %s"):format(flags(options), name),
        function() return verbs.startrep(model, name, options) end, name, options)
    end,
    pauserep = function(_, host)
      local name = name_of(host)
      return changing(model, "pauserep", "vradmin -g hrdg pauserep hr_rvg " .. name, function()
        model:primary().links[name].paused = true
      end, name)
    end,
    resumerep = function(_, host)
      local name = name_of(host)
      return changing(model, "resumerep", "vradmin -g hrdg resumerep hr_rvg " .. name, function()
        model:primary().links[name].paused = nil
      end, name)
    end,
    migrate = function(_, host)
      local name = name_of(host)
      return changing(model, "migrate", ("vradmin -g hrdg migrate hr_rvg %s"):format(name),
        function() return verbs.migrate(model, name) end, name)
    end,
    addsec = function(_, primary, host)
      local to = name_of(host)
      return changing(model, "addsec", ("vradmin -g hrdg addsec hr_rvg %s %s"):format(name_of(primary), to),
        function() return verbs.addsec(model, name_of(primary), to) end, to)
    end,
    checkdelete = function(_, name)
      return changing(model, "checkdelete", ("vxrvg -g hrdg -c %s checkdelete hr_rvg"):format(name),
        function() return verbs.checkdelete(model, name) end, name)
    end,
    cplist = function()
      return model:request("cplist", function() return status.checkpoints(model:primary()) end)
    end,
    await = function(_, host, options)
      options = options or {}
      local name, state = name_of(host), options.state or "up-to-date"
      if model.is_planning then
        model.planned[#model.planned + 1] = ("vradmin -g hrdg repstatus hr_rvg   (until %s is %s)"):format(name, state)
        return { planned = true }
      end
      for _ = 1, 50 do
        local st = model:request("await", function() return status.rds(model) end, name)
        for _, link in ipairs(st.links) do
          if link.secondary == name then
            local is_near = options.behind and link.consistent and link.kstate == "CONNECT"
            if link.data_status == state or is_near or (state == "consistent" and link.consistent) then return link end
            if link.kstate == "DETACHED" then models.refuse("link-detached", "replication to it is not started") end
          end
        end
        hw.sleep(0.25)
      end
      return models.refuse("timed-out", name .. " is not " .. state)
    end,
  }, function() return model:open_primary() end)

  function hw.host(name) return setmetatable({ name = name }, Host) end
  function hw.rds(dg, rvg)
    if not rvg then dg, rvg = nil, dg end
    return setmetatable({ dg = dg, rvg = rvg, name = rvg }, RDS)
  end
  function hw.hosts()
    return model:request("daemon", function()
      local list = {}
      for i, name in ipairs(model.names) do list[i] = hw.host(name) end
      return list
    end)
  end
  function hw.status() return { hw.rds("hrdg", "hr_rvg"):status() } end
  -- The runner of what the journal has as running is dead, unless the model says that it lives.
  function hw.runs()
    return model:request("runs", function()
      local list = {}
      for i = #model.runs, 1, -1 do
        local run = models.copy(model.runs[i])
        if run.state == "running" and not model.runner_lives then run.state = "died" end
        list[#list + 1] = { id = run.id, runbook = run.runbook, state = run.state, info = function() return run end }
      end
      return list
    end)
  end
  function hw.runbook(declaration) return declaration end
  function hw.fail(given) error(models.copy(given), 0) end
  function hw.version() return model.version end
  function hw.sleep(seconds)
    return model:request("sleep", function()
      model.clock = model.clock + seconds
      model:deliver()
    end)
  end
  function hw.timeout(_, f) return f() end
  function hw.parallel(list)
    -- As in Homeward's host: handlers of a run that was cancelled may wait, but not side by side.
    if model.is_cancelled then models.refuse("interrupted", "it was stopped") end
    local results = {}
    for i, f in ipairs(list) do results[i] = f() end
    return table.unpack(results, 1, #list)
  end
  function hw.sh(given)
    local words, host = {}, given.on and name_of(given.on)
    for i, word in ipairs(given) do words[i] = tostring(word) end
    local line = table.concat(words, " ")
    if model.is_planning then
      if host then model.noted[#model.noted + 1] = { host = host, line = line } end
    elseif not model:is_here(host) then
      error(models.not_here(host, line), 0)
    end
    return changing(model, "sh", (host and host .. " # " or "") .. line, function()
      return model:command(words, host)
    end, words, host)
  end
  return hw
end

-- Volumes of a host's disk group: two for data, one for the log.
function M.volumes(model, name)
  local host = model:host(name)
  local list = {}
  for i, volume in ipairs{ "hr_dv01", "hr_dv02", "hr_srl" } do
    list[i] = { dg = "hrdg", name = volume, size = (volume == "hr_srl" and 128 or 64) << 20,
      is_log = volume == "hr_srl" and host.role ~= "none", open_by = {},
      rvg = host.role ~= "none" and "hr_rvg" or nil }
  end
  return list
end

return M
