-- A site file for an application that is a systemd unit.
--
-- What it does: stops and starts the unit on the host where the runbook wants it, and sees that it did.
-- To use it:    copy it, put the name of your unit below, then
--                 homeward run failback-difference --site site-systemd.lua --plan
--               shows what it would do; without --plan it does it. As site.lua in the configuration folder
--               (~/.config/homeward) it holds for every run.
-- Again:        both functions may be called when the unit is stopped, or runs, already.

local hw = require("homeward")

local unit = "billing.service"
local seconds = 120 -- that a stop or a start may take

-- What systemd says of the unit: "active", "inactive", "failed"; nil in a plan, where nothing is run.
local function state(host)
  local answer = hw.sh{ "systemctl", "show", "--property=ActiveState", "--value", unit, on = host }
  return answer.out and answer.out:match("%a+")
end

local function expect(host, wanted, verb)
  local found = state(host)
  if found and found ~= wanted then
    hw.fail{ code = "command-failed", host = host.name, object = unit,
      message = ("systemctl %s %s left it %s"):format(verb, unit, found),
      hint = ("journalctl --unit %s on %s says why"):format(unit, host.name) }
  end
end

return {
  stop_application = function(ctx)
    hw.sh{ "systemctl", "stop", unit, on = ctx.host, timeout = seconds }
    -- A unit that was killed after its timeout is "failed"; it is not running, but that should be looked at.
    expect(ctx.host, "inactive", "stop")
  end,

  start_application = function(ctx)
    -- A unit that failed too often is not started again until this is forgotten.
    hw.sh{ "systemctl", "reset-failed", unit, on = ctx.host, check = false }
    hw.sh{ "systemctl", "start", unit, on = ctx.host, timeout = seconds }
    expect(ctx.host, "active", "start")
  end,
}
