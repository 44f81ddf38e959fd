-- Progress of long verbs, one line every ten seconds.

local engine = require("homeward.engine")
local words = require("homeward.words")

local M = {}

local function line(report)
  local left = report.seconds_left and (", %s left"):format(words.seconds(report.seconds_left)) or ""
  if report.phase == "wait" then
    local behind = report.behind or {}
    local status = report.replication_status or ""
    if status:find("paused by user", 1, true) then
      return ("  %s is %s and %s: it goes on after vradmin resumerep RVG %s"):format(report.host,
        report.data_status or "unknown", status, report.host)
    end
    return ("  %s is %s: %s (%s) to go"):format(report.host, report.data_status or "unknown",
      words.count(behind.updates or 0, "update"), words.bytes(behind.bytes or 0))
  end
  local total = report.bytes_total or 0
  return ("  %s of %s compared, %s differ, %s sent%s"):format(words.bytes(report.bytes_compared or 0),
    words.bytes(total), words.bytes(report.bytes_differing or 0), words.bytes(report.bytes_sent or 0), left)
end

-- A function for `on_progress`.
function M.printer(interval)
  interval = interval or 10
  local last = engine.monotonic()
  return function(report)
    local now = engine.monotonic()
    if now - last < interval then return end
    last = now
    engine.say(line(report))
  end
end

return M
