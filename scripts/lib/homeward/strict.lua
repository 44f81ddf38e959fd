-- Tables whose unknown fields are errors: a slip in a hook would otherwise go on as nil, and a command run elsewhere.

local failures = require("homeward.failures")
local words = require("homeward.words")

local M = {}

local ctx_fields = { "host", "params", "rds", "step" }

-- The place in the script that read the field.
local function place()
  local _, text = pcall(error, "", 5)
  return type(text) == "string" and text:match("^(.-:%d+):") or nil
end

local function strict(object, known, values)
  return setmetatable(values, { __index = function(_, key)
    for _, name in ipairs(known) do
      if name == key then return nil end
    end
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
