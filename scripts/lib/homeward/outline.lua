-- What a runbook looks like without running it: its steps and parameters.
--
-- The steps are found by calling `run` with a context in which nothing is real: step bodies are not called, hosts and
-- values are placeholders.

local books = require("homeward.book")
local failures = require("homeward.failures")
local parameters = require("homeward.parameters")
local running = require("homeward.running")
local words = require("homeward.words")

local M = {}

-- Stands for whatever a runbook asks for outside its steps.
local function ghost(name)
  return setmetatable({}, {
    __index = function(_, key)
      -- A sequence would otherwise never end.
      if type(key) ~= "string" then return nil end
      return ghost(key)
    end,
    __call = function() return ghost(name) end,
    __len = function() return 0 end,
    __tostring = function() return name end,
    __concat = function(a, b) return tostring(a) .. tostring(b) end,
    __unm = function() return 0 end,
    __add = function() return 0 end, __sub = function() return 0 end, __mul = function() return 0 end,
    __div = function() return 0 end, __lt = function() return false end, __le = function() return false end,
  })
end

local placeholders = {
  string = function(name) return name:upper() end,
  host = function(name) return name:upper() end,
  checkpoint = function(name) return name:upper() end,
  integer = function() return 0 end,
  number = function() return 0 end,
  boolean = function() return false end,
  list = function() return { "NAME" } end,
  hosts = function() return { "NAME" } end,
}

-- Loads a runbook; its global `step` leads to the run that is under way.
function M.load(options, run)
  local book
  book = books.load(options, function(...)
    local ctx = book and book.outlining or run.ctx
    if not ctx then
      failures.raise{ code = "bad-runbook", object = options.chunk, message = "step is called outside run(ctx)",
        hint = "put it into function M.run(ctx) … end" }
    end
    return ctx.step(...)
  end)
  return book
end

-- { steps = { { id, title }, … }, failure = what ended it early, or nil }
function M.of(book)
  local steps = {}
  local run = {
    book = book, params = {}, rds = ghost("rds"), is_outline = true, application = {}, past = { states = {} },
    set = { open = "PRIMARY", members = {}, names = {}, opened = {}, primaries = {} }, problems = {},
  }
  for name, declared in pairs(book.parameters) do
    local value = declared.default
    if value == nil then value = placeholders[declared.type or "string"](name) end
    run.params[name] = value
  end
  function run.perform(_, id, title)
    steps[#steps + 1] = { id = id, title = title }
    return ghost("result")
  end
  function run.call_own() return false end
  function run.has_own() return false end
  function run.touch() end
  local ctx = running.begin(run)
  ctx.host = ghost("host")
  book.outlining = ctx
  local ok, raised = pcall(book.run, ctx)
  book.outlining = nil
  return { steps = steps, failure = not ok and failures.from(raised) or nil }
end

-- Ids of all steps that can be found: by the outline, and as literals of the text.
function M.ids(book)
  local ids = {}
  for _, step in ipairs(M.of(book).steps) do ids[#ids + 1] = step.id end
  for id in book.source:gmatch('step%s*%(%s*"([^"]+)"%s*,') do ids[#ids + 1] = id end
  return ids
end

-- `runbooks show`.
function M.show(book)
  local list = {}
  for _, name in ipairs(words.keys(book.parameters)) do
    local declared = book.parameters[name]
    local default = declared.default ~= nil and parameters.typed(declared.default)
      or declared.infer and "(inferred)" or declared.optional and "(none)" or "(you give it)"
    local help = declared.help or ""
    if declared.choices then help = ("%s: %s"):format(help, table.concat(declared.choices, ", ")) end
    list[#list + 1] = { name = name, type = declared.type or "string", help = help, default = default }
  end
  local outline = M.of(book)
  if outline.failure and #outline.steps == 0 then error(outline.failure, 0) end
  return { runbook = book.name, summary = book.summary, parameters = list, steps = outline.steps }
end

return M
