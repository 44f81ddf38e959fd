-- Values of a runbook's parameters: given, taken over from a run that did not finish, inferred, or by default.

local book = require("homeward.book")
local failures = require("homeward.failures")
local words = require("homeward.words")

local M = {}

local truth = { yes = true, ["true"] = true, on = true, no = false, ["false"] = false, off = false }

local function split(text)
  local list = {}
  for word in text:gmatch("[^,%s]+") do list[#list + 1] = word end
  return list
end

-- Each takes a text and gives the value, or nil and what is expected.
local readers = {
  string = function(text) return text end,
  integer = function(text)
    local number = math.tointeger(tonumber(text))
    if number then return number end
    return nil, "a whole number"
  end,
  number = function(text)
    local number = tonumber(text)
    if number and number == number and number < math.huge and number > -math.huge then return number end
    return nil, "a number"
  end,
  boolean = function(text)
    if truth[text] ~= nil then return truth[text] end
    return nil, "yes or no"
  end,
  list = split,
  host = function(text)
    if text:match("^[%w._-]+$") then return text end
    return nil, "the name of a host"
  end,
  hosts = split,
  checkpoint = function(text)
    if #text <= 19 and text:match("^[%w_.-]+$") then return text end
    return nil, ("a name of 1 to 19 letters, digits and _.-; it has %d characters"):format(#text)
  end,
}

local function is_list(kind) return kind == "list" or kind == "hosts" end

-- Whether a value that does not come from the command line fits: of a default, of inference, of the journal.
local function fits(declared, value)
  local kind = declared.type or "string"
  if is_list(kind) then
    if type(value) ~= "table" then return false end
    for _, element in ipairs(value) do
      if type(element) ~= "string" then return false end
    end
    return true
  end
  if kind == "integer" then return math.type(value) == "integer" end
  if kind == "number" or kind == "boolean" then return type(value) == kind end
  return type(value) == "string"
end

-- Whether the value of a run before this one is not taken over: `fresh`, or what it says of the value.
local function is_fresh(declared, look, value)
  if type(declared.fresh) == "function" then return declared.fresh(look, value) end
  return declared.fresh
end

local function choose(declared, value)
  return not declared.choices or words.among(value, declared.choices)
end

-- One text for a value, as it would be typed.
function M.typed(value)
  if type(value) == "table" then return table.concat(value, ",") end
  if type(value) == "boolean" then return value and "yes" or "no" end
  return tostring(value)
end

local function parse(name, declared, text)
  local value, expected = readers[declared.type or "string"](text)
  if value == nil then
    return nil, { code = "bad-parameter", object = name,
      message = ("%s=%s: expected is %s"):format(name, text, expected), hint = declared.help or "" }
  end
  if not choose(declared, value) then
    local near = words.suggestion(text, declared.choices)
    return nil, { code = "bad-parameter", object = name,
      message = ("%s=%s is not one of %s%s"):format(name, text, table.concat(declared.choices, ", "), near),
      hint = declared.help or "" }
  end
  return value
end

-- Reads what was given on the command line. Raises what is wrong with it, all of it in one error.
function M.read(declared, arguments, name)
  local values, wrong = {}, {}
  for _, key in ipairs(words.keys(arguments)) do
    if not declared[key] then
      local names = words.keys(declared)
      wrong[#wrong + 1] = { code = "unknown-parameter", object = key,
        message = ("there is no parameter %s%s"):format(key, words.suggestion(key, names)),
        hint = #names == 0 and "it takes none" or "it takes " .. table.concat(names, ", ") }
    else
      local value, problem = parse(key, declared[key], tostring(arguments[key]))
      values[key] = value
      wrong[#wrong + 1] = problem
    end
  end
  if #wrong == 0 then return values end
  local lines = {}
  for i, problem in ipairs(wrong) do lines[i] = problem.message end
  failures.raise{ code = wrong[1].code, object = name, message = table.concat(lines, "; "),
    hint = ("%s; all of them: homeward runbooks show %s"):format(wrong[1].hint, name) }
end

local Resolver = {}
Resolver.__index = Resolver

-- `given`: values from the command line; `earlier`: those of a run that goes on here, or nil.
function M.resolver(declared, given, earlier)
  return setmetatable({ declared = declared, given = given, earlier = earlier or {}, values = {}, from = {},
    problems = {}, busy = {} }, Resolver)
end

function Resolver:settle(name, value, from)
  self.values[name], self.from[name] = value, from
  return value
end

function Resolver:refuse(name, problem)
  self.problems[#self.problems + 1] = { code = problem.code or "bad-parameter", object = problem.object or name,
    message = problem.message, hint = problem.hint
      or ("give it: %s=%s"):format(name, self.declared[name].type == "host" and "HOST" or "VALUE") }
  self.from[name] = "missing"
  return nil
end

-- The value of one parameter; `look` is what inference looks at. Nil when there is none: then a problem is noted.
function Resolver:value(name, look)
  local declared = self.declared[name]
  if not declared or self.from[name] then return self.values[name] end
  if self.busy[name] then return nil end
  self.busy[name] = true
  if self.given[name] ~= nil then return self:settle(name, self.given[name], "given") end
  local before = self.earlier[name]
  if before ~= nil and not is_fresh(declared, look, before) and fits(declared, before) and choose(declared, before) then
    return self:settle(name, before, "journal")
  end
  if declared.infer then
    local value, problem = declared.infer(look)
    if value ~= nil and fits(declared, value) then return self:settle(name, value, "inferred") end
    if problem then return self:refuse(name, problem) end
    -- What it follows from is missing, and that is told already.
    if problem == false then return self:settle(name, nil, "missing") end
  end
  if declared.default ~= nil then return self:settle(name, declared.default, "default") end
  if declared.optional then return self:settle(name, nil, "default") end
  return self:refuse(name, { message = ("it is not known, and has to be given%s"):format(
    declared.help and ": " .. declared.help or "") })
end

-- Hosts that nobody knows are found before anything is asked of them.
function Resolver:check_hosts(known)
  for _, name in ipairs(words.keys(self.values)) do
    local kind = self.declared[name].type
    local value = self.values[name]
    local hosts = kind == "host" and { value } or kind == "hosts" and value or {}
    for _, host in ipairs(hosts) do
      if not known[host] then
        local names = words.keys(known)
        self.problems[#self.problems + 1] = { code = "unknown-host", object = name,
          message = ("no host %s is known here%s"):format(host, words.suggestion(host, names)),
          hint = "the hosts are " .. words.list(names) }
      end
    end
  end
end

-- { { name, value, from }, … } in the order of their names.
function Resolver:list()
  local list = {}
  for _, name in ipairs(words.keys(self.declared)) do
    local value = self.values[name]
    list[#list + 1] = { name = name, value = value == nil and "" or M.typed(value),
      from = self.from[name] or "default" }
  end
  return list
end

M.types = book.types

return M
