-- A plain script that does Example 3 by itself: no runbook, no journal, no site file.
--
-- What it does: brings the role Primary from AWAY back to HOME by difference-based synchronization, with the
--               application stopped before and started after. An error ends it; the application is then started again
--               on the host that is Primary.
-- To use it:    homeward exec failback-by-hand.lua HOME AWAY [DG RVG [UNIT]]
--                 homeward exec failback-by-hand.lua seattle london
--                 homeward exec failback-by-hand.lua seattle london hrdg hr_rvg billing.service
-- Again:        it may be started again: what is done is seen by the roles and the link, or said by the verb itself.

local hw = require("homeward")

local home, away, dg, rvg, unit = arg[1], arg[2], arg[3] or "hrdg", arg[4] or "hr_rvg", arg[5] or "billing.service"
if not home or not away then
  hw.fail{ code = "usage", message = "the host to come home to, and the present Primary, are needed",
    hint = "homeward exec failback-by-hand.lua seattle london" }
end

local rds = hw.rds(dg, rvg)
local checkpoint = "checkpt_presync"

-- Whether replication to HOME is started.
local function is_attached()
  for _, link in ipairs(rds:status().links) do
    if link.secondary == home then return link.kstate ~= "DETACHED" end
  end
  return false
end

local function synchronize()
  local report = rds:syncrvg(home, {
    checkpoint = checkpoint,
    consent = true,
    on_progress = function(p) print(("%d of %d bytes compared"):format(p.bytes_compared, p.bytes_total)) end,
  })
  print(("%d bytes compared, %d sent"):format(report.bytes_compared, report.bytes_sent))
end

local function application(verb, host)
  print(("%s %s on %s"):format(verb, unit, host))
  hw.sh{ "systemctl", verb, unit, on = host }
end

-- Whatever ends this block, an error or Ctrl-C too, the application runs where the Primary is.
local function with_application_stopped(f)
  local guard <close> = setmetatable({ is_needed = true }, {
    __close = function(self)
      local primary = rds:status().primary
      if self.is_needed and primary then application("start", primary) end
    end,
  })
  application("stop", away)
  f()
  application("start", home)
  guard.is_needed = false
end

if rds:status().primary ~= home then
  print(hw.host(home):rvg(dg, rvg):makesec(away).summary)

  -- The application goes on meanwhile.
  if not is_attached() then synchronize() end

  with_application_stopped(function()
    if not is_attached() then print(rds:startrep(home, { checkpoint = checkpoint }).summary) end
    rds:await(home, { state = "up-to-date", timeout = 3600 })
    print(rds:migrate(home).summary)
  end)
else
  application("start", home)
end

print(("%s is the Primary; replication to %s runs back"):format(home, away))
