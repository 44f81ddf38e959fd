-- describe, it and what specs expect: plain Lua, the same in stock Lua and in Homeward's own host.

local M = { passed = 0, failures = {} }

local path = {}

local function show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local prefix = type(key) == "number" and "" or tostring(key) .. " = "
    parts[#parts + 1] = prefix .. show(value[key])
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end
M.show = show

function M.describe(name, f)
  path[#path + 1] = name
  f()
  path[#path] = nil
end

function M.it(name, f)
  path[#path + 1] = name
  local ok, raised = pcall(f)
  if ok then
    M.passed = M.passed + 1
  else
    local text = type(raised) == "table" and raised.code and ("%s [%s]"):format(tostring(raised.message), raised.code)
      or tostring(raised)
    M.failures[#M.failures + 1] = { name = table.concat(path, ": "), message = text }
  end
  path[#path] = nil
end

local function fail(text, note, level) error(note and text .. " (" .. note .. ")" or text, level + 1) end

function M.equal(found, expected, note)
  if show(found) ~= show(expected) then
    fail(("found %s, expected %s"):format(show(found), show(expected)), note, 2)
  end
end

function M.truthy(value, note)
  if not value then fail("found " .. show(value) .. ", expected something true", note, 2) end
end

function M.contains(text, part, note)
  if type(text) ~= "string" or not text:find(part, 1, true) then
    fail(("found %s, expected it to contain %q"):format(show(text), part), note, 2)
  end
end

-- Calls f, expects it to raise a table with that code, and returns that.
function M.raises(code, f, note)
  local ok, raised = pcall(f)
  if ok then fail("nothing was raised, expected " .. code, note, 2) end
  if type(raised) ~= "table" or raised.code ~= code then
    fail(("raised %s, expected %s"):format(type(raised) == "table" and show(raised) or tostring(raised), code), note, 2)
  end
  return raised
end

-- What a spec file returns: { passed, failures = { { name, message }, … } } of this file.
function M.results()
  local results = { passed = M.passed, failures = M.failures }
  M.passed, M.failures = 0, {}
  return results
end

return M
