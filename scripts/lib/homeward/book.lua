-- Loads a runbook and checks how it is declared.

local hw = require("homeward")
local failures = require("homeward.failures")
local words = require("homeward.words")

local M = {}

local keys = { "summary", "parameters", "preflight", "run" }
local parameter_keys = { "type", "default", "help", "choices", "infer", "optional", "fresh" }
M.types = { "string", "integer", "number", "boolean", "list", "host", "hosts", "checkpoint" }

local function bad(chunk, message, hint)
  failures.raise{ code = "bad-runbook", object = chunk, message = message, hint = hint }
end

-- Loads a text under its name; what it reads as globals beside the library are those of `given`.
function M.chunk(source, chunk, given)
  -- Tables, not functions: an undeclared global is then reported at the line of the script.
  local env = setmetatable(given, { __index = _G, __newindex = _G })
  local f, message = load(source, "@" .. chunk, "t", env)
  if not f then
    failures.raise{ code = "lua-syntax", message = message, object = chunk, hint = "correct the line" }
  end
  return f()
end

local function check_parameter(chunk, name, declared)
  if type(name) ~= "string" or not name:match("^[a-z][a-z0-9_]*$") or name == "start" then
    bad(chunk, ("%s is no name of a parameter"):format(name), "lower-case letters, digits and _; start is reserved")
  end
  if type(declared) ~= "table" then
    bad(chunk, ("parameter %s is declared by a %s"):format(name, type(declared)),
      ('%s = { type = "string", help = "…" }'):format(name))
  end
  for key in pairs(declared) do
    if not words.among(key, parameter_keys) then
      bad(chunk, ("parameter %s has an unknown key %s%s"):format(name, key,
        words.suggestion(tostring(key), parameter_keys)), "the keys are " .. table.concat(parameter_keys, ", "))
    end
  end
  local kind = declared.type or "string"
  if not words.among(kind, M.types) then
    bad(chunk, ("parameter %s is of an unknown type %s%s"):format(name, kind,
      words.suggestion(tostring(kind), M.types)), "the types are " .. table.concat(M.types, ", "))
  end
end

-- Checks the table that a runbook returned.
function M.check(book, chunk)
  if type(book) ~= "table" or type(book.run) ~= "function" then
    bad(chunk, "it returns no table with a function run", "end the file with: return M, as the bundled runbooks do")
  end
  for key in pairs(book) do
    if type(key) == "string" and words.among(key, keys) then goto continue end
    bad(chunk, ("it has an unknown key %s%s"):format(tostring(key), words.suggestion(tostring(key), keys)),
      "the keys are " .. table.concat(keys, ", "))
    ::continue::
  end
  if book.summary ~= nil and type(book.summary) ~= "string" then
    bad(chunk, "summary is no string", 'summary = "what it does, in one sentence"')
  end
  if book.preflight ~= nil and type(book.preflight) ~= "function" then
    bad(chunk, "preflight is no function", "function M.preflight(ctx, check) … end")
  end
  if book.parameters ~= nil and type(book.parameters) ~= "table" then
    bad(chunk, "parameters is no table", 'parameters = { dg = { type = "string", help = "…" } }')
  end
  for name, declared in pairs(book.parameters or {}) do check_parameter(chunk, name, declared) end
end

-- Loads and checks; `step` is what the file's global of that name calls.
function M.load(options, step)
  local book = M.chunk(options.source, options.chunk, { step = step, hw = hw })
  M.check(book, options.chunk)
  return {
    name = options.name,
    chunk = options.chunk,
    summary = book.summary or "",
    parameters = book.parameters or {},
    preflight = book.preflight,
    run = book.run,
    source = options.source,
  }
end

return M
