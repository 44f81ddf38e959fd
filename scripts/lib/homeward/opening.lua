-- How a run begins: what it says, what it refuses, what it leaves in the journal for the one after it.

local engine = require("homeward.engine")
local failures = require("homeward.failures")
local pasts = require("homeward.past")
local words = require("homeward.words")

local M = {}

local function say(text, first, rest)
  for _, line in ipairs(words.wrap(text, first, rest)) do engine.say(line) end
end

-- What a run that goes on after this one needs to know.
local function start_of(run)
  local begun = {}
  for id, state in pairs(run.past.goes_on and run.past.states or {}) do
    -- What the run before skipped had been done by one before it.
    begun[id] = state == "skipped" and run.past.begun[id] and "done" or state
  end
  local app = run.application
  return {
    primary = run.set and run.set.open, reigns = pasts.reigns(run.set),
    application = { touched = app.touched, on = app.on, reign = app.reign, since = app.since },
    begun = begun, continues = run.past.goes_on and run.past.run or nil,
  }
end

-- The parameters as the journal keeps them; `start` is how things stood.
function M.journaled(run)
  local values = {}
  for name, value in pairs(run.params) do values[name] = value end
  values.start = start_of(run)
  return values
end

-- The error of a run whose conditions do not hold.
function M.refusal(run)
  local problems = run.problems
  local lines = {}
  for i, problem in ipairs(problems) do
    lines[i] = failures.line(problem)
  end
  -- One alone is the error itself; of several the error has no room for every hint.
  for i, problem in ipairs(#problems > 1 and problems or {}) do
    say(lines[i], "preflight: ", "  ")
    if problem.hint and problem.hint ~= "" then say("hint: " .. problem.hint, "  ", "  ") end
  end
  return failures.new{ code = "preflight-failed", object = run.book.name, problems = problems,
    message = ("%s, nothing was begun: %s"):format(
      #problems == 1 and "a condition does not hold" or #problems .. " conditions do not hold",
      table.concat(lines, "; ")),
    hint = problems[1].hint ~= "" and problems[1].hint or "mend it and start the runbook again" }
end

-- Says what is run, with which values.
function M.introduce(run)
  say(run.book.summary ~= "" and ("%s: %s"):format(run.book.name, run.book.summary) or run.book.name, "", "  ")
  local pairs_of = {}
  for _, parameter in ipairs(run.resolver:list()) do
    if parameter.value ~= "" then
      local from = (parameter.from == "journal" or parameter.from == "inferred") and " (" .. parameter.from .. ")" or ""
      pairs_of[#pairs_of + 1] = ("%s=%s%s"):format(parameter.name, parameter.value, from)
    end
  end
  if #pairs_of > 0 then say(table.concat(pairs_of, "  "), "  ", "  ") end
  if run.past.goes_on then
    local taken = false
    for _, from in pairs(run.resolver.from) do taken = taken or from == "journal" end
    say(("goes on after run %s, which did not finish%s"):format(run.past.run,
      taken and "; values marked (journal) are those of that run, NAME=VALUE gives others" or ""), "  ", "  ")
  end
  local site = run.past.goes_on and run.past.site
  if site and not run.site.chunk then
    say(("note: that run had the site file %s; this one has none, so no hook is called"):format(site), "  ", "  ")
  end
end

return M
