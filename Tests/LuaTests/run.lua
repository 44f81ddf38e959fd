-- usage: lua5.4 Tests/LuaTests/run.lua [SPEC…]
--
-- Runs the specs in stock Lua, from the root of the checkout. The build runs the same specs in Homeward's own host.

local root = arg[0]:match("^(.*)Tests/LuaTests/run.lua$") or ""
package.path = root .. "Tests/LuaTests/?.lua"

-- Scripts by their paths below scripts/, as the specs ask for them.
package.preload.texts = function()
  return setmetatable({}, { __index = function(texts, path)
    local file = io.open(root .. "scripts/" .. path)
    if not file then return nil end
    local text = file:read("a")
    file:close()
    texts[path] = text
    return text
  end })
end

local specs = { table.unpack(arg) }
if #specs == 0 then
  local list = io.popen("ls " .. root .. "Tests/LuaTests/*_spec.lua")
  for path in list:lines() do specs[#specs + 1] = path end
  list:close()
end

local passed, failed = 0, 0
for _, spec in ipairs(specs) do
  local began = os.clock()
  local results = dofile(spec)
  passed, failed = passed + results.passed, failed + #results.failures
  print(("%-50s %4d passed, %d failed  %.1f s"):format(spec, results.passed, #results.failures, os.clock() - began))
  for _, failure in ipairs(results.failures) do print("  " .. failure.name .. "\n    " .. failure.message) end
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
