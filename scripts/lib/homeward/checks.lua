-- Conditions of a runbook before its first change: each that does not hold is noted, and all are told together.

local engine = require("homeward.engine")
local hw = require("homeward")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

local Check = {}
Check.__index = Check

function M.new(run)
  return setmetatable({ problems = {}, questions = {}, run = run, set = run.set, ctx = run.ctx }, Check)
end

-- Notes a refusal: { code, message, hint, object?, host? }.
function Check:refuse(problem)
  problem.hint = problem.hint or ""
  self.problems[#self.problems + 1] = problem
  return false
end

-- Notes a refusal unless `holds`.
function Check:that(holds, problem)
  if holds then return true end
  return self:refuse(problem)
end

-- A question that the run would ask.
function Check:question(text) self.questions[#self.questions + 1] = text end

-- These hosts answer.
function Check:reachable(hosts)
  local all = true
  for _, name in ipairs(hosts) do
    local host = self.run.scene.hosts[name]
    if not host or not host.reachable then
      local failure = host and host.failure
      all = self:refuse{ code = "host-unreachable", host = name, object = name,
        message = "does not answer" .. (failure and ": " .. failure.message or ""),
        hint = ("start its daemon, or mend the network; homeward status --host %s"):format(name) }
    elseif self.set and not self.set.members[name] then
      all = self:refuse{ code = "unknown-rvg", host = name, object = ("%s/%s"):format(self.set.dg, self.set.rvg),
        message = "the host has no RVG of that name", hint = ("what it has: homeward status --host %s"):format(name) }
    end
  end
  return all
end

-- These hosts run the same release.
function Check:versions(hosts)
  local seen, differ = {}, false
  for _, name in ipairs(hosts) do
    local host = self.run.scene.hosts[name]
    if host and host.version then
      seen[#seen + 1] = ("%s runs %s"):format(name, host.version)
      differ = differ or host.version ~= self.run.scene.hosts[hosts[1]].version
    end
  end
  return self:that(not differ, { code = "bad-configuration", message = "the releases differ: " .. words.list(seen),
    hint = "install the same release of Homeward on all of them" })
end

-- How a Primary stands that is not open.
local function standing(member)
  return (member.state or "closed") .. (member.reason and " (" .. member.reason .. ")" or "")
end

-- Exactly one Primary is open, and it is known which.
function Check:one_primary()
  local set = self.set
  if set.open then return true end
  local rivalry = scenes.rivalry(set)
  if rivalry then return self:refuse(rivalry) end
  local reasons = {}
  for _, name in ipairs(set.primaries) do
    reasons[#reasons + 1] = ("%s is %s"):format(name, standing(set.members[name]))
  end
  return self:refuse{ code = "not-primary", object = set.rvg,
    message = "no open Primary answers" .. (#reasons > 0 and ": " .. table.concat(reasons, "; ") or ""),
    hint = "the roles: homeward status; after the loss of the Primary: homeward run takeover" }
end

-- None of these hosts is an old Primary, which nothing can be copied to before makesec.
function Check:no_old_primary(hosts)
  for _, name in ipairs(hosts) do
    local member = self.set.members[name]
    if member and member.role == "primary" and self.set.open and self.set.open ~= name then
      self:refuse{ code = "not-secondary", host = name, object = self.set.rvg,
        message = ("it is an old Primary, %s"):format(standing(member)),
        hint = ("if it is the host to come home to, give it as home; else first: vradmin --host %s -g %s makesec %s %s")
          :format(name, member.dg, member.rvg, self.set.open) }
    end
  end
end

-- No volume of the host is open.
function Check:closed(host)
  local member = self.set.members[host]
  for _, holder in ipairs(member and member.open_by or {}) do
    self:refuse{ code = "volume-open", host = host, object = holder.volume,
      message = ("%s is open%s"):format(holder.volume, holder.label and " by " .. holder.label or ""),
      hint = "stop the application that uses it, or unmount it" }
  end
end

-- The checkpoint's name is free, or one that a run before this one used for the same step.
function Check:checkpoint(name, is_own)
  local primary = self.set.open
  local ok, list = pcall(function() return scenes.rvg(self.set, primary):cplist() end)
  if not ok or is_own then return end
  for _, known in ipairs(list) do
    local at_work = false
    for _, line in ipairs(self.set.members[primary].activity) do
      at_work = at_work or line:sub(1, #name + 1) == name .. ":"
    end
    if known.name == name and known.state ~= "overflowed" and not at_work then
      self:refuse{ code = "checkpoint-name-in-use", host = primary, object = name,
        message = ("a checkpoint %s exists, and this runbook did not make it"):format(name),
        hint = ("another name: checkpoint=NAME; or, if nobody needs it: vxrvg -g %s -c %s checkdelete %s"):format(
          self.set.dg, name, self.set.rvg) }
    end
  end
end

-- Bytes that the Primary logs in a second, from how much its log grows; the log is let go now and then.
local function write_rate(check, primary)
  local most = 0
  local last = check.set.members[primary].log.used or 0
  local at = engine.monotonic()
  for _ = 1, 4 do
    hw.sleep(0.25)
    local set = scenes.of(check.ctx)
    local used = set.members[primary] and set.members[primary].log and set.members[primary].log.used
    local now = engine.monotonic()
    if used and now > at then most = math.max(most, (used - last) / (now - at)) end
    last, at = used or last, now
  end
  return most
end

-- The log holds what is written while the volumes are compared: volumes / speed x what is written in a second now.
function Check:log_size(speed, targets)
  local primary = self.set.open
  local member = self.set.members[primary]
  local total = 0
  for _, volume in ipairs(member.volumes) do
    if not volume.is_log then total = total + (volume.size or 0) end
  end
  local rate = write_rate(self, primary)
  local seconds = total / (speed * 1048576) * (targets or 1)
  local needed, size = rate * seconds, member.log.size or 0
  -- A tenth of the log is left for what is on its way to the Secondaries.
  if size == 0 or needed <= size * 0.9 then return end
  self:refuse{ code = "log-too-small", host = primary, object = member.log.name,
    message = ("comparing %s takes about %s at %g MiB/s; at the present %s/s that is %s of log, which has %s")
      :format(words.bytes(total), words.seconds(seconds), speed, words.bytes(math.floor(rate)),
        words.bytes(math.floor(needed)), words.bytes(size)),
    hint = "run it when less is written, or with a larger log; if the comparison is faster: sync_speed=MIB_PER_SECOND" }
end

-- Replication to the host is started.
function Check:attached(host)
  local link = scenes.link(self.set.members[self.set.open], host)
  return self:that(link and link.kstate ~= "DETACHED", { code = link and "link-detached" or "unknown-secondary",
    host = self.set.open, object = self.set.rvg, message = ("nothing replicates to %s"):format(host),
    hint = ("vradmin -g %s -c NAME syncrvg %s %s, then startrep with the same checkpoint"):format(self.set.dg,
      self.set.rvg, host) })
end

-- All attached links of the Primary flow: a change of role asks for it.
function Check:links_flow(but)
  local primary = self.set.members[self.set.open]
  for _, link in ipairs(primary.links) do
    if link.secondary ~= but and (link.kstate == "ENABLED" or link.state == "PAUSE") then
      self:refuse{ code = link.state == "PAUSE" and "link-paused" or "link-disconnected", host = primary.name,
        object = link.name, message = ("replication to %s is started and does not flow"):format(link.secondary),
        hint = ("mend it, or: vradmin -g %s %s %s %s"):format(self.set.dg,
          link.state == "PAUSE" and "resumerep" or "-f stoprep", self.set.rvg, link.secondary) }
    end
  end
end

return M
