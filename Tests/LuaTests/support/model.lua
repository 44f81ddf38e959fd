-- Three hosts, one RDS and an application, small enough to be understood at once: what runbooks are tried against.
--
-- Every call of a fake verb is a request. The runner can be killed at any of them, and verbs can be made to refuse.

local M = {}

local Model = {}
Model.__index = Model

-- What is raised when the runner is killed, and when the run is cancelled; see the sandbox's pcall.
M.killed = setmetatable({}, { __tostring = function() return "the runner was killed" end })
M.cancelled = setmetatable({}, { __tostring = function() return "the run was cancelled" end })

function M.refuse(code, message, fields)
  local refusal = { code = code, message = message or code, hint = "" }
  for key, value in pairs(fields or {}) do refusal[key] = value end
  error(refusal, 0)
end

local function copy(value)
  if type(value) == "function" then return nil end
  if type(value) ~= "table" then return value end
  local result = {}
  for key, element in pairs(value) do result[key] = copy(element) end
  return result
end
M.copy = copy

-- Hosts in the order given; the first is Primary and replicates to the others, unless `bare`.
function M.new(names, options)
  options = options or {}
  local self = setmetatable({
    names = names, hosts = {}, requests = 0, clock = 1000, epochs = 0, records = 0, runs = {}, said = {}, planned = {},
    noted = {}, answers = {}, questions = {}, running = {}, shell = {}, log = {}, checkpoint_ids = 0, version = "0.3.0",
  }, Model)
  for _, name in ipairs(names) do
    self.hosts[name] = { name = name, up = true, role = "none", state = "enabled", history = {}, records = {},
      consistent = true, links = {}, checkpoints = {}, dg = "hrdg", rvg = "hr_rvg", used = 0, size = 128 << 20 }
  end
  if not options.bare then self:set_up() end
  return self
end

function Model:epoch(kind, host)
  self.epochs = self.epochs + 1
  return { id = ("epoch-%d"):format(self.epochs), number = self.epochs, kind = kind, host = host,
    before = #self.hosts[host].records }
end

function Model:set_up()
  local primary = self.hosts[self.names[1]]
  primary.role, primary.history = "primary", { self:epoch("created", primary.name) }
  for _, name in ipairs(self.names) do
    if name ~= primary.name then
      local host = self.hosts[name]
      host.role, host.follows, host.history = "secondary", primary.name, copy(primary.history)
    end
    for _, other in ipairs(self.names) do
      if other ~= name then
        self.hosts[name].links[other] = { attached = name == primary.name, pending = 0, sent = 0 }
      end
    end
  end
end

-- MARK: what holds

function Model:open_primary()
  local open
  for _, name in ipairs(self.names) do
    local host = self.hosts[name]
    if host.up and host.role == "primary" and host.state == "enabled" then
      if open then return nil end
      open = host
    end
  end
  return open
end

function Model:primary()
  return self:open_primary() or M.refuse("not-primary", "no Primary answers")
end

function Model:host(name)
  local host = self.hosts[name] or M.refuse("unknown-host", name)
  if not host.up then M.refuse("host-unreachable", "does not answer", { host = name }) end
  return host
end

-- Records that `host` holds and `of` does not.
function Model.diverged(_, host, of)
  local known, count = {}, 0
  for _, record in ipairs(of.records) do known[record] = true end
  for _, record in ipairs(host.records) do
    if not known[record] then count = count + 1 end
  end
  return count
end

-- MARK: time and the application

-- What is on its way arrives; a host that is down gets nothing.
function Model:deliver()
  if self.later then
    self.later()
    self.later = nil
  end
  local primary = self:open_primary()
  if not primary then return end
  for _, name in ipairs(self.names) do
    local link, host = primary.links[name], self.hosts[name]
    if link and link.attached and host.up then
      host.records, link.pending = copy(primary.records), 0
      host.consistent = true
    end
  end
end

-- The application writes where it runs.
function Model:write()
  for _, name in ipairs(self.names) do
    local host = self.hosts[name]
    if self.running[name] and host.up and host.role == "primary" and host.state == "enabled" then
      self.records = self.records + 1
      host.records[#host.records + 1] = self.records
      host.used = host.used + (self.write_bytes or 1000)
      for _, link in pairs(host.links) do
        if link.attached then link.pending = link.pending + 1 end
      end
    end
  end
end

-- A command of the site: `app start` and `app stop`, on a host.
function Model:command(words, host)
  self.shell[#self.shell + 1] = table.concat(words, " ") .. (host and " on " .. host or "")
  local program = self.programs and self.programs[words[1]]
  if program then return program(words, host) end
  if words[1] ~= "app" then return { code = 0, out = "", err = "" } end
  local on = self:host(host)
  if words[2] == "stop" then
    self.running[host] = nil
  elseif words[2] == "start" then
    if on.role ~= "primary" or on.state ~= "enabled" then
      M.refuse("command-failed", "app start ended with code 1: the volumes cannot be opened", { host = host })
    end
    self.running[host] = true
  end
  return { code = 0, out = "", err = "" }
end

-- Where it runs, in the order of the hosts.
function Model:runs_on()
  local list = {}
  for _, name in ipairs(self.names) do
    if self.running[name] then list[#list + 1] = name end
  end
  return list
end

-- MARK: disasters

function Model:crash(name)
  local host = self.hosts[name]
  host.up, self.running[name] = false, nil
  host.history[#host.history].closed = true
end

-- A host comes back; a Primary that somebody took over from stays fenced.
function Model:restart(name)
  local host = self.hosts[name]
  local other = self:open_primary()
  host.up = true
  if host.role == "primary" and other and other ~= host then
    host.state, host.reason = "fenced", "another host took over"
  elseif host.role == "primary" then
    host.history[#host.history + 1] = self:epoch("restart", name)
  end
end

-- MARK: requests

-- One request of the runner. `effect` is what the hosts do about it.
function Model:request(name, effect, ...)
  if self.dead then error(M.killed, 0) end
  self.requests = self.requests + 1
  self.log[#self.log + 1] = name
  self:write()
  if self.kill_at == self.requests then
    self.dead = true
    if self.begin_at_kill then self.begin_at_kill(name, ...) end
    error(M.killed, 0)
  end
  if self.cancel_at == self.requests then
    self.is_cancelled = true
    error(M.cancelled, 0)
  end
  local failing = self.fail and self.fail(name, ...)
  if failing and not failing.after then error(copy(failing), 0) end
  local result = effect and effect()
  if failing then error(copy(failing), 0) end
  return result
end

-- Whether commands may run here for that host: `here` is a set of names; without one all are, as in a lab.
function Model:is_here(host) return not host or not self.here or self.here[host] or false end

function M.not_here(host, line)
  return { code = "not-built-yet", message = ("commands cannot be run on %s from here"):format(host),
    hint = ("run the script on %s, or call ssh"):format(host), object = line, host = host }
end

-- A new runner on the same hosts.
function Model:revive()
  self.dead, self.kill_at, self.cancel_at, self.requests, self.is_planning = false, nil, nil, 0, false
  self.is_cancelled = false
  self.log, self.said, self.planned, self.shell, self.questions, self.noted = {}, {}, {}, {}, {}, {}
  self.clock = self.clock + 60
end

return M
