-- The report at the end of a run: for programs a table, for people lines of at most 100 columns.

local engine = require("homeward.engine")
local words = require("homeward.words")

local M = {}

-- "done in 3.1 s: 128 MiB compared, 1.7 MiB sent"
function M.done(entry)
  local detail = entry.detail
  local what = detail.summary
  if not what and detail.bytes_compared then
    what = ("%s compared, %s sent"):format(words.bytes(detail.bytes_compared), words.bytes(detail.bytes_sent or 0))
    if detail.already then what = "synchronized before, nothing was copied" end
  end
  return ("done in %s%s"):format(words.seconds(entry.seconds), what and ": " .. what or "")
end

local function sum(run, field)
  local total = 0
  for _, entry in ipairs(run.steps) do total = total + (entry.detail and entry.detail[field] or 0) end
  return total
end

-- Seconds from the beginning of the stop to the end of the start; nil when this run did not start the application.
local function outage(run)
  local from, to
  for _, entry in ipairs(run.steps) do
    if entry.id == "stop-application" and entry.state == "done" then from = entry.began end
    if entry.id == "start-application" and entry.state == "done" then to = entry.began + entry.seconds end
  end
  if not to then return nil end
  -- Stopped by a run before this one: only the clock on the wall knows.
  local since = run.past.application_since
  if since then return math.max(0, engine.now() - since - (engine.monotonic() - to)) end
  return from and to - from or nil
end

-- What `run` returns.
function M.result(run)
  local steps = {}
  for i, entry in ipairs(run.steps) do
    steps[i] = { id = entry.id, title = entry.title, state = entry.state, seconds = entry.seconds,
      detail = entry.detail }
  end
  local parameters = {}
  for name, value in pairs(run.params) do parameters[name] = value end
  return {
    run = run.id, runbook = run.book.name, state = "done", parameters = parameters, steps = steps,
    bytes_compared = sum(run, "bytes_compared"), bytes_sent = sum(run, "bytes_sent"), outage = outage(run),
    seconds = engine.monotonic() - run.began,
  }
end

function M.lines(result)
  local longest = 0
  for _, step in ipairs(result.steps) do longest = math.max(longest, #step.id) end
  local lines = { "", ("%s: done in %s"):format(result.runbook, words.seconds(result.seconds)) }
  for _, step in ipairs(result.steps) do
    local detail = step.detail or {}
    local sent = detail.bytes_sent and ("  %s compared, %s sent"):format(words.bytes(detail.bytes_compared or 0),
      words.bytes(detail.bytes_sent)) or ""
    lines[#lines + 1] = ("  %-" .. longest .. "s  %-7s  %9s%s"):format(step.id, step.state,
      words.seconds(step.seconds), sent)
  end
  if result.bytes_compared > 0 then
    lines[#lines + 1] = ("  %s compared, %s sent"):format(words.bytes(result.bytes_compared),
      words.bytes(result.bytes_sent))
  end
  if result.outage then
    lines[#lines + 1] = ("  outage of the application, from its stop to its start: %s"):format(
      words.seconds(result.outage))
  end
  return lines
end

return M
