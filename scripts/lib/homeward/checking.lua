-- `runbooks check`: what is wrong with a file, as far as that can be seen without a host.

local books = require("homeward.book")
local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local outline = require("homeward.outline")
local site = require("homeward.site")
local strict = require("homeward.strict")
local words = require("homeward.words")

local M = {}

-- The line of a place such as `site.lua:3`; nil for one in another file.
local function line_at(place, chunk)
  local file, line = (place or ""):match("^(.*):(%d+)$")
  return file == chunk and tonumber(line) or nil
end

-- `finder` gives the line where the failure has none.
local function problem(failure, chunk, finder)
  local line = line_at(failure.where, chunk) or line_at((failure.message or ""):match("^(.-:%d+): "), chunk)
  return { line = line or finder and finder() or 0, message = failure.message, hint = failure.hint or "" }
end

-- Lines without their comments, with their numbers.
local function rows(source)
  local line = 0
  local next_row = (source .. "\n"):gmatch("(.-)\n")
  return function()
    local row = next_row()
    line = line + 1
    if row then return line, (row:gsub("%-%-.*", "")) end
  end
end

-- The line where a table assigns `key`, behind the one where it assigns `group`, if that is given.
local function line_of_key(source, key, group)
  local inside = group == nil
  for line, row in rows(source) do
    if not inside then
      local _, stop = row:find("%f[%w_]" .. group .. "%f[^%w_]%s*=")
      inside, row = stop ~= nil, row:sub((stop or 0) + 1)
    end
    if inside and (row:find("%f[%w_]" .. key .. "%f[^%w_]%s*=") or row:find('"' .. key .. '"', 1, true)) then
      return line
    end
  end
  return 0
end

-- `params.outgae`: names that the runbook does not declare.
local function undeclared_parameters(book, problems)
  local names = words.keys(book.parameters)
  for line, row in rows(book.source) do
    for name in row:gmatch("ctx%.params%.([%a_][%w_]*)") do
      if not book.parameters[name] then
        problems[#problems + 1] = { line = line,
          message = ("there is no parameter %s%s"):format(name, words.suggestion(name, names)),
          hint = ("declare it: parameters = { %s = { type = \"string\", help = \"…\" } }"):format(name) }
      end
    end
  end
end

-- The context of a function that is only tried. What the hosts would answer is not known, and ends the try.
local function tried_context()
  local unknown = setmetatable({}, { __index = function() error("no host is asked", 0) end })
  local params = setmetatable({}, { __index = function(_, name) return tostring(name):upper() end })
  local function nothing() return true end
  local step = { id = "STEP", title = "TITLE", hook = nothing, skip = nothing, note = nothing }
  return strict.ctx{ host = hw.host("HOST"), rds = unknown, params = params, step = step }
end

-- Calls each function of a site file as a plan does, which runs no command, with placeholders for hosts and values.
local function try_hooks(options, value, problems)
  local ctx = tried_context()
  local function try(hook)
    if type(hook) ~= "function" then return end
    local ok, raised = pcall(hw.timeout, 2, function() hook(ctx) end)
    local failure = not ok and failures.from(raised)
    -- Other errors may come of what it was not told.
    if failure and failure.code == "bad-argument" and line_at(failure.where, options.chunk) then
      problems[#problems + 1] = problem(failure, options.chunk)
    end
  end
  engine.planning(true)
  for _, key in ipairs(words.keys(value)) do
    try(value[key])
    for _, name in ipairs(type(value[key]) == "table" and words.keys(value[key]) or {}) do try(value[key][name]) end
  end
  engine.planning(false)
end

local function check_site(options, value)
  local problems = {}
  for i, found in ipairs(site.problems(value, options.chunk, nil)) do
    problems[i] = problem(found, options.chunk, function()
      return found.name and line_of_key(options.source, found.name, found.group)
    end)
  end
  try_hooks(options, value, problems)
  return problems
end

-- A file that declares hooks and no run is a site file, also where the words for them are misspelt.
local function is_site(value)
  if type(value) ~= "table" or value.run ~= nil or value.parameters ~= nil then return false end
  for key in pairs(value) do
    if type(key) == "string" and words.nearest(key, site.keys) then return true end
  end
  return next(value) == nil
end

-- Of a runbook or of a site file: { problems = { { line, message, hint }, … } }.
function M.check(options)
  local given = { hw = hw, step = function() end }
  local chunk = options.chunk
  local ok, value = pcall(books.chunk, options.source, chunk, given)
  if not ok then return { problems = { problem(failures.from(value), chunk) } } end
  if is_site(value) then return { problems = check_site(options, value) } end
  local loaded, book = pcall(outline.load, options, {})
  if not loaded then return { problems = { problem(failures.from(book), chunk) } } end
  local problems = {}
  undeclared_parameters(book, problems)
  local failure = outline.of(book).failure
  local found = failure and problem(failure, chunk)
  for _, other in ipairs(problems) do
    if found and other.line == found.line then found = nil end
  end
  problems[#problems + 1] = found
  return { problems = problems }
end

return M
