-- Progress of long verbs, one line every ten seconds.

local engine = require("homeward.engine")
local words = require("homeward.words")

local M = {}

local function line(report, ctx)
  local left = report.seconds_left and (", %s left"):format(words.seconds(report.seconds_left)) or ""
  if report.phase == "wait" then
    local behind = report.behind or {}
    local status = report.replication_status or ""
    local is = ("  %s is %s"):format(report.host, report.data_status or "unknown")
    if report.reason then return ("%s: %s"):format(is, report.reason) end
    if status:find("paused by user", 1, true) then
      return ("%s and %s: it goes on after vradmin -g %s resumerep %s %s"):format(is, status, ctx.params.dg,
        ctx.params.rvg, report.host)
    end
    return ("%s, %s: %s (%s) to go"):format(is, status, words.count(behind.updates or 0, "update"),
      words.bytes(behind.bytes or 0))
  end
  local total = report.bytes_total or 0
  return ("  %s of %s compared, %s differ, %s sent%s"):format(words.bytes(report.bytes_compared or 0),
    words.bytes(total), words.bytes(report.bytes_differing or 0), words.bytes(report.bytes_sent or 0), left)
end

-- A function for `on_progress` of a verb in the run of `ctx`.
function M.printer(ctx)
  local last = engine.monotonic()
  return function(report)
    local now = engine.monotonic()
    if now - last < 10 then return end
    last = now
    engine.say(line(report, ctx))
  end
end

return M
