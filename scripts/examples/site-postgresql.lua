-- A site file for PostgreSQL whose data directory lies on replicated volumes.
--
-- What it does: stops the cluster with -m fast and sees in pg_controldata that it was shut down; before a start it
--               looks at pg_controldata again: shut down is started as it is, a state that a lost host left behind is
--               recovered by PostgreSQL, anything else is refused.
-- To use it:    copy it, put your cluster below, then
--                 homeward run failback-difference --site site-postgresql.lua --plan
--               shows what it would do; without --plan it does it. As site.lua in the configuration folder
--               (~/.config/homeward) it holds for every run.
-- Again:        both functions may be called when the cluster is stopped, or runs, already.
-- Clusters that were not made by Debian's tools: replace pg_ctlcluster VERSION NAME by pg_ctl -D DIRECTORY -w.

local hw = require("homeward")

local version, cluster = "15", "main"
local directory = "/srv/hr/postgresql/15/main"
-- The file system that has the directory; false if something else mounts it. Volumes have to be closed for a migration.
local mount = false -- { device = "/dev/nbd0", at = "/srv/hr" }
local seconds = 300 -- that a stop or a start may take

-- pg_ctlcluster ends with 2 when a stop finds nothing running, and a start finds that it runs.
local function ctl(host, verb, ...)
  local command = { "pg_ctlcluster", version, cluster, verb, ... }
  command.on, command.timeout, command.check = host, seconds, false
  local answer = hw.sh(command)
  if answer.code and answer.code ~= 0 and answer.code ~= 2 then
    hw.fail{ code = "command-failed", host = host.name, object = version .. "/" .. cluster,
      message = ("pg_ctlcluster %s ended with code %d: %s"):format(verb, answer.code, answer.err),
      hint = ("look into /var/log/postgresql/postgresql-%s-%s.log on %s"):format(version, cluster, host.name) }
  end
end

-- "shut down", "in production" and so on; nil in a plan, where nothing is run.
local function state(host)
  local program = ("/usr/lib/postgresql/%s/bin/pg_controldata"):format(version)
  local answer = hw.sh{ program, directory, on = host, env = { LC_ALL = "C" } }
  return answer.out and (answer.out:match("Database cluster state:%s*([^\n]+)") or "not known")
end

local function is_mounted(host)
  return hw.sh{ "mountpoint", "--quiet", mount.at, on = host, check = false }.code == 0
end

-- States in which a host that was lost leaves a cluster behind: PostgreSQL recovers from its own log.
local recoverable = { ["in production"] = true, ["shutting down"] = true, ["in crash recovery"] = true,
  ["starting up"] = true }

return {
  stop_application = function(ctx)
    -- A run that died may have got as far as this.
    if mount and not is_mounted(ctx.host) then return end
    ctl(ctx.host, "stop", "-m", "fast")
    local found = state(ctx.host)
    if found and found ~= "shut down" then
      hw.fail{ code = "command-failed", host = ctx.host.name, object = directory,
        message = ("after the stop pg_controldata says: %s"):format(found), hint = "stop it by hand, then start again" }
    end
    if mount then hw.sh{ "umount", mount.at, on = ctx.host } end
  end,

  start_application = function(ctx)
    if mount and not is_mounted(ctx.host) then hw.sh{ "mount", mount.device, mount.at, on = ctx.host } end
    local found = state(ctx.host)
    if found and found ~= "shut down" and not recoverable[found] then
      hw.fail{ code = "command-failed", host = ctx.host.name, object = directory,
        message = ("pg_controldata says: %s; a cluster in that state is not started by a runbook"):format(found),
        hint = "look at it by hand, then start the runbook again" }
    end
    if found and found ~= "shut down" then ctx.step.note(("PostgreSQL was %s: it recovers first"):format(found)) end
    ctl(ctx.host, "start")
  end,
}
