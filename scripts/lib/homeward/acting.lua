-- A run that acts: journals each step before and after it, and leaves the application where the Primary is.

local application = require("homeward.application")
local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local opening = require("homeward.opening")
local pasts = require("homeward.past")
local preparing = require("homeward.preparing")
local report = require("homeward.report")
local running = require("homeward.running")
local words = require("homeward.words")

local M = {}

local Run = {}
Run.__index = Run

-- Errors that leave open whether a host has done what it was asked.
local lost = { ["daemon-unreachable"] = true, ["host-unreachable"] = true, ["timed-out"] = true,
  ["transaction-in-doubt"] = true }

local kept = { "summary", "already", "host", "reign", "bytes_compared", "bytes_differing", "bytes_sent", "notes",
  "discarded", "takeover", "checkpoint" }

local function say(text, first, rest)
  for _, line in ipairs(words.wrap(text, first, rest)) do engine.say(line) end
end

-- Of what people are shown, what each has to be.
local kinds = { summary = "string", bytes_compared = "number", bytes_differing = "number", bytes_sent = "number",
  notes = "table" }

local function check_kind(name, value, kind)
  if not kind or value == nil or type(value) == kind then return end
  failures.raise{ code = "bad-runbook", message = ("the step returned a %s as its %s"):format(type(value), name),
    hint = ("a step returns nothing, a text, or a table in which %s is a %s"):format(name, kind) }
end

-- What the journal keeps of what a step returned. Raises where that could not be shown.
local function detail_of(result)
  if type(result) == "string" then return { summary = result } end
  local detail = {}
  if type(result) == "table" then
    for _, name in ipairs(kept) do
      check_kind(name, result[name], kinds[name])
      detail[name] = result[name]
    end
  end
  for _, note in ipairs(detail.notes or {}) do check_kind("note", note, "string") end
  return detail
end

local function error_detail(failure)
  return { code = failure.code, message = failure.message, hint = failure.hint, host = failure.host,
    object = failure.object }
end

-- MARK: the application's hooks

function Run:has_own(name) return self.site:own(name) ~= nil end

function Run:call_own(name)
  local hook = self.site:own(name)
  if not hook then return false end
  hook(self.ctx)
  return true
end

-- From here on the application counts as stopped.
function Run:touch()
  local app = self.application
  app.touched, app.on, app.reign = true, nil, nil
  app.since = app.since or engine.now()
end

-- MARK: steps

function Run.note(_, text) say(text, "  ", "  ") end

function Run:call_hook(kind, id)
  local hook = self.site:hook(kind, id)
  if hook then hook(self.ctx) end
end

-- What the runbook says, or the site instead of it. Where only the answer was lost and the step is done, all is well.
function Run:body(id, action)
  local instead = self.site:hook("instead", id)
  local f = instead and function() return instead(self.ctx) end or action.run
  local ok, result = pcall(f)
  if ok then return result end
  local failure = failures.from(result)
  if not action.done or not lost[failure.code] then error(result, 0) end
  for _ = 1, 8 do
    hw.sleep(0.5)
    local asked, done = pcall(action.done)
    if asked and done then return { summary = "it is done, though its answer was lost" } end
  end
  return error(result, 0)
end

function Run:attempt(id, action)
  self:call_hook("before", id)
  local result = self:body(id, action)
  if running.is_skip(result) then return result end
  self:call_hook("after", id)
  return result
end

function Run:end_step(entry, state, detail)
  entry.state, entry.detail = state, detail
  entry.seconds = engine.monotonic() - entry.began
  engine.end_step(self.id, entry.id, state, detail)
  entry.is_kept = true
  self.current, self.title = nil, nil
end

-- A step that is done already. Where a run before this one died in it, the hook behind it may not have been called.
function Run:skip(entry, reason)
  if pasts.died_in(self.past, entry.id) then self:call_hook("after", entry.id) end
  self:end_step(entry, "skipped", { summary = type(reason) == "string" and reason or "done already" })
  say("skipped: " .. entry.detail.summary, "  ", "  ")
  return nil
end

function Run:perform(id, title, action)
  local entry = { id = id, title = title, state = "running", began = engine.monotonic() }
  self.steps[#self.steps + 1] = entry
  self.current, self.title = id, title
  say(("%s: %s"):format(id, title), "", "  ")
  local ok, result, detail = pcall(function()
    local done = action.done and action.done()
    engine.begin_step(self.id, id, title)
    entry.is_journaled = true
    if done then return { is_done = done } end
    local returned = self:attempt(id, action)
    return returned, not running.is_skip(returned) and detail_of(returned)
  end)
  if not ok then return self:fail(entry, failures.from(result)) end
  if type(result) == "table" and result.is_done then
    local skipped, raised = pcall(self.skip, self, entry, result.is_done)
    if not skipped then return self:fail(entry, failures.from(raised)) end
    return nil
  end
  if running.is_skip(result) then
    self:end_step(entry, "skipped", { summary = result.reason })
    say("skipped: " .. result.reason, "  ", "  ")
    return nil
  end
  self:end_step(entry, "done", detail)
  say(report.done(entry), "  ", "  ")
  for _, note in ipairs(entry.detail.notes or {}) do say("note: " .. note, "  ", "  ") end
  return result
end

-- The error keeps its own code, says which step it ended, and how to go on.
function Run:fail(entry, failure)
  if entry.is_journaled then
    self:end_step(entry, "failed", error_detail(failure))
  else
    entry.state, entry.seconds = "failed", engine.monotonic() - entry.began
    self.current, self.title = nil, nil
  end
  say(("failed after %s"):format(words.seconds(entry.seconds)), "  ", "  ")
  failure.step = entry.id
  failure.message = ("step %s: %s"):format(entry.id, failure.message)
  if not failure.hint:find("homeward run", 1, true) then
    failure.hint = (failure.hint ~= "" and failure.hint .. "; then " or "") .. "start the runbook again: "
      .. running.command(self) .. " (what is done is not done twice)"
  end
  error(failure, 0)
end

-- A step that the runbook does not have: of the engine itself, when a run ends before its time.
function Run:extra(id, title, f)
  local entry = { id = id, title = title, state = "running", began = engine.monotonic() }
  self.steps[#self.steps + 1] = entry
  self.current, self.title = id, title
  say(("%s: %s"):format(id, title), "", "  ")
  -- A run that is refused by its preflight is not in the journal; and a journal that fails is no reason to leave it.
  if self.id then pcall(engine.begin_step, self.id, id, title) end
  local ok, result = pcall(f)
  local failure = not ok and failures.from(result) or nil
  local detail = ok and detail_of(result) or error_detail(failure)
  if self.id then pcall(self.end_step, self, entry, ok and "done" or "failed", detail) end
  return ok, failure
end

-- MARK: the run

-- A cancel may have taken the answer of the journal that entered the run.
function Run:find_own()
  if self.id or not self.is_entering then return end
  local ok, id = pcall(engine.own_run)
  if ok then self.id = id end
end

-- Whether the application is that of another run, which is at work. One that the journal has entered is alone; before
-- that another one may have been faster, also where the refusal of the journal was lost in a cancel.
function Run:is_beside_another()
  if self.id then return false end
  if self.is_second then return true end
  local ok, other = pcall(preparing.other, self)
  return ok and other ~= nil
end

-- Ends a run that did not come to its end. Returns what became of the application.
function Run:abandon(failure, seconds)
  if self.is_over then return nil end
  self.is_over = true
  self:find_own()
  self:end_steps(failure)
  if self:is_beside_another() then return nil end
  local is_interrupted = failure.code == "interrupted"
  local ok, word = pcall(application.settle, self.ctx, seconds, is_interrupted)
  if not ok then
    word = self.application.touched
      and ("the application may be stopped: %s"):format(failures.line(failures.from(word))) or nil
  end
  if word then say(word, "", "  ") end
  self:end_journal(is_interrupted and "interrupted" or "failed", failure)
  return word
end

-- A step that a cancel has broken off, also one of the engine's own, ends with the run; one that it left between its
-- end and the journal is as it ended.
function Run:end_steps(failure)
  for _, entry in ipairs(self.steps) do
    local is_broken = entry.state == "running"
    if not entry.is_kept then
      pcall(self.end_step, self, entry, is_broken and "failed" or entry.state,
        is_broken and error_detail(failure) or entry.detail)
    end
  end
end

-- The last word in the journal, once.
function Run:end_journal(state, failure)
  if not self.id or self.is_ended then return end
  self.is_ended = true
  self:end_steps(failure)
  pcall(engine.end_run, self.id, state, error_detail(failure))
end

-- Enters a run in the journal, which refuses a second one of the same RDS.
local function enter(run)
  run.is_entering = true
  local ok, id = pcall(engine.begin_run, { runbook = run.book.name, source = run.options.file or run.book.chunk,
    revision = run.options.revision or "", site = run.site.chunk, parameters = opening.journaled(run) })
  if ok then
    run.id = id
    return
  end
  -- The journal has answered: a run of this process that it has now is another one.
  run.is_entering = false
  local failure = failures.from(id)
  run.is_second = failure.code == "run-in-progress"
  error(failure, 0)
end

local function perform_all(run)
  enter(run)
  -- What the report calls its seconds is what the journal times.
  run.began = engine.monotonic()
  engine.is_run(run.id)
  say("run " .. run.id, "  ", "  ")
  run.book.run(run.ctx)
  local result = report.result(run)
  engine.end_run(run.id, "done", result)
  run.is_over, run.is_ended = true, true
  for _, line in ipairs(report.lines(result)) do engine.say(line) end
  return result
end

-- Runs a runbook. Returns its report; raises the error that ended it.
function M.run(options)
  local run = setmetatable({ options = options, steps = {}, began = engine.monotonic() }, Run)
  preparing.prepare(run, options)
  -- Reached with a run that is not over only when it is cancelled: that is no error that pcall could see.
  local _ <close> = setmetatable({}, { __close = function()
    local failure = failures.new{ code = "interrupted", message = "the run was interrupted",
      hint = ("start the runbook again: %s (what is done is not done twice)"):format(running.command(run)) }
    run:abandon(failure, 5)
    -- It was interrupted while it settled what became of the application.
    run:end_journal("interrupted", failure)
  end })
  opening.introduce(run)
  local ok, result = pcall(function()
    if #run.problems > 0 then error(opening.refusal(run), 0) end
    return perform_all(run)
  end)
  if ok then return result end
  local failure = failures.from(result)
  -- Behind a refusal nothing is on its way that this run began.
  local word = run:abandon(failure, #run.problems > 0 and 3 or 30)
  if word then failure.message = ("%s (%s)"):format(failure.message, word) end
  return error(failure, 0)
end

return M
