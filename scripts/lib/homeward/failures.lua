-- Errors as runbooks raise them: tables with the fields of a refusal.

local M = {}

local fields = { "code", "message", "hint", "object", "host", "where", "step", "problems" }

local shape = {
  __name = "error",
  __tostring = function(self)
    local place = self.where ~= "" and self.where .. ": " or ""
    local host = self.host and self.host .. ": " or ""
    local object = self.object and self.object ~= "" and self.object .. ": " or ""
    local line = ("%s%s%s%s [%s]"):format(place, host, object, self.message, self.code)
    return self.hint and self.hint ~= "" and line .. "\n  hint: " .. self.hint or line
  end,
}

-- A place in the library says nothing to whoever runs a runbook; the empty place is none, and none is put in for it.
function M.place(where) return where and not where:match("^homeward%.") and where or "" end

-- An error with these fields; nothing is raised yet.
function M.new(given)
  local failure = {}
  for _, name in ipairs(fields) do failure[name] = given[name] end
  failure.hint, failure.where = failure.hint or "", failure.where or ""
  return setmetatable(failure, shape)
end

function M.raise(given) error(M.new(given), 0) end

-- Whatever was raised, as an error with a code.
function M.from(raised)
  if type(raised) == "table" and type(raised.code) == "string" then
    local copy = {}
    for _, name in ipairs(fields) do
      -- Errors of the host are sealed, and may refuse fields that they do not have.
      local ok, value = pcall(function() return raised[name] end)
      copy[name] = ok and value or nil
    end
    copy.message = copy.message or "no message"
    copy.where = M.place(copy.where)
    return M.new(copy)
  end
  local text = tostring(raised)
  local where, message = text:match("^(.-:%d+): (.*)$")
  return M.new{ code = "lua-runtime", message = message or text, where = where }
end

-- One line, without the hint.
function M.line(failure)
  local place = failure.host and failure.host .. ": " or ""
  local object = failure.object and failure.object ~= "" and failure.object ~= failure.host
    and failure.message:sub(1, #failure.object + 1) ~= failure.object .. ":"
    and failure.object .. ": " or ""
  return ("%s%s%s [%s]"):format(place, object, failure.message, failure.code)
end

return M
