-- Tables whose unknown fields are errors: a slip in a hook would otherwise go on as nil, and a command run elsewhere.

local failures = require("homeward.failures")
local words = require("homeward.words")

local M = {}

local ctx_fields = { "host", "params", "rds", "step" }

-- The place in the script that read the field: the first below the functions of this file.
local function place()
  local is_here = false
  for level = 2, 9 do
    local _, text = pcall(error, "", level)
    local found = type(text) == "string" and text:match("^(.-:%d+):")
    local was_here = is_here
    is_here = found and found:find("homeward[./]strict") ~= nil
    if was_here and not is_here then return found end
  end
  return nil
end

local function strict(object, known, values)
  return setmetatable(values, { __index = function(_, key)
    if words.among(key, known) then return nil end
    return failures.raise{ code = "bad-argument", object = object, where = failures.place(place()),
      message = ("there is no %s%s"):format(tostring(key), words.suggestion(tostring(key), known)),
      hint = #known == 0 and "the runbook has none" or "it has " .. words.list(known) }
  end })
end

-- The context of a run. Its known fields may be nil; others may be set by a site and read then.
function M.ctx(values) return strict("ctx", ctx_fields, values) end

-- The parameters of a run, of which those that are optional may be nil.
function M.params(values, declared) return strict("ctx.params", words.keys(declared), values) end

return M
