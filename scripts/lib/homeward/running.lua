-- One run of a runbook: its context, its steps, what it has done so far.
--
-- Three kinds: one that acts (`acting.lua`), one that only plans (`planning.lua`), and one that is tried for the hosts
-- of its commands (`reaching.lua`). Each gives the context's `step`.

local failures = require("homeward.failures")
local parameters = require("homeward.parameters")
local strict = require("homeward.strict")
local words = require("homeward.words")

local M = {}

-- Runs by their contexts: what runbooks see of a run is its context alone.
local runs = setmetatable({}, { __mode = "k" })

local function bad(run, message, hint)
  failures.raise{ code = "bad-runbook", object = run.book.chunk, message = message, hint = hint }
end

local function check_step(run, id, title, action)
  if type(id) ~= "string" or not id:match("^[%l%d][%w._-]*$") or id:find("--", 1, true) or id:sub(-1) == "-" then
    bad(run, ("%s is no id of a step"):format(tostring(id)), 'kebab-case: step("drain-traffic", "…", function() … end)')
  end
  if type(title) ~= "string" then
    bad(run, ("step %s has no title"):format(id), ('step("%s", "what it does", function() … end)'):format(id))
  end
  if run.seen[id] then bad(run, ("the step %s is there twice"):format(id), "give each step an id of its own") end
  if run.current then
    bad(run, ("step %s is inside step %s"):format(id, run.current), "steps follow one another")
  end
  local kind = type(action)
  if kind == "function" then return { run = action } end
  if kind == "table" and type(action.run) == "function" and (action.done == nil or type(action.done) == "function") then
    return action
  end
  return bad(run, ("step %s has nothing to run"):format(id),
    ('step("%s", "…", function() … end), or { done = function() … end, run = function() … end }'):format(id))
end

-- What a step returns that has nothing to do.
local Skip = {}
function M.is_skip(value) return getmetatable(value) == Skip end

-- `ctx.step`, and the global `step` of the file.
local function make_step(run)
  local step = {
    hook = function(name) return run:call_own(name) end,
    skip = function(reason) return setmetatable({ reason = tostring(reason or "nothing to do") }, Skip) end,
    note = function(text) run:note(text) end,
  }
  return setmetatable(step, {
    __call = function(_, id, title, action)
      local checked = check_step(run, id, title, action)
      run.seen[id] = true
      return run:perform(id, title, checked)
    end,
    __index = function(_, key)
      if key == "id" then return run.current end
      if key == "title" then return run.title end
      return nil
    end,
    __tostring = function() return run.current or "no step" end,
    __concat = function(a, b) return tostring(a) .. tostring(b) end,
  })
end

-- Gives a run its context. `run` has `perform(self, id, title, action)` and `call_own(self, name)`.
function M.begin(run)
  run.seen = {}
  local params = strict.params(run.params or {}, run.book.parameters)
  run.ctx = strict.ctx{ params = params, rds = run.rds, host = nil }
  run.ctx.step = make_step(run)
  runs[run.ctx] = run
  return run.ctx
end

-- The run that a context belongs to.
function M.of(ctx)
  return runs[ctx] or failures.raise{ code = "bad-argument", message = "this is not the context of a run",
    hint = "pass on the ctx that run(ctx) was called with" }
end

local function quoted(text)
  return text:find("^[%w._/=:-]+$") and text or "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- Whether a value that was given has to be given again: what the run before is found by, and what it does not hand on.
local function is_typed_again(run, name)
  local declared = run.book.parameters[name]
  return run.resolver.from[name] == "given"
    and (name == "dg" or name == "rvg" or declared.fresh and declared.type == "hosts")
end

-- The command line that starts the run's runbook again with the same site file; `more` is a parameter to add, or nil.
function M.command(run, more)
  local file = run.options.file
  local parts = { "homeward run", quoted(file and file ~= "bundled" and file or run.book.name) }
  if run.site.chunk then parts[#parts + 1] = "--site " .. quoted(run.site.chunk) end
  for _, name in ipairs(run.resolver and words.keys(run.resolver.from) or {}) do
    if is_typed_again(run, name) then
      parts[#parts + 1] = quoted(("%s=%s"):format(name, parameters.typed(run.resolver.values[name])))
    end
  end
  parts[#parts + 1] = more
  return table.concat(parts, " ")
end

return M
