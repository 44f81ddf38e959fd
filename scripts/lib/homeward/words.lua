-- Words for people: numbers with units, lines of at most 100 columns, the nearest of several names.

local M = {}

M.columns = 100

-- 1536 -> "1.5 KiB"
function M.bytes(count)
  local units = { "B", "KiB", "MiB", "GiB", "TiB" }
  local unit, value = 1, count
  while value >= 1024 and unit < #units do
    value, unit = value / 1024, unit + 1
  end
  if unit == 1 then return ("%d B"):format(value) end
  return ((value < 10 and value ~= math.floor(value)) and "%.1f %s" or "%.0f %s"):format(value, units[unit])
end

-- 75.2 -> "1 m 15 s"
function M.seconds(seconds)
  if seconds < 10 then return ("%.1f s"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return ("%d s"):format(whole) end
  if whole < 3600 then return ("%d m %02d s"):format(whole // 60, whole % 60) end
  return ("%d h %02d m"):format(whole // 3600, whole % 3600 // 60)
end

-- "1 update", "2 updates"
function M.count(number, word)
  return ("%d %s%s"):format(number, word, number == 1 and "" or "s")
end

-- { "a", "b", "c" } -> "a, b and c"
function M.list(names)
  if #names < 2 then return names[1] or "none" end
  return table.concat(names, ", ", 1, #names - 1) .. " and " .. names[#names]
end

-- What the columns of a terminal show: continuation bytes of UTF-8 take none.
local function width(text)
  return #text - select(2, text:gsub("[\x80-\xBF]", ""))
end

-- Breaks a text at blanks; the first line begins with `first`, the others with `rest`.
function M.wrap(text, first, rest)
  local lines, line = {}, first or ""
  local empty = true
  for word in text:gmatch("%S+") do
    if not empty and width(line) + 1 + width(word) > M.columns then
      lines[#lines + 1] = line
      line, empty = rest or first or "", true
    end
    line = empty and line .. word or line .. " " .. word
    empty = false
  end
  lines[#lines + 1] = line
  return lines
end

-- Whether a list holds a value.
function M.among(value, list)
  for _, candidate in ipairs(list) do
    if candidate == value then return true end
  end
  return false
end

-- Sorted keys of a table: the same order on every run.
function M.keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- Letters to insert, leave out, replace, or swap with their neighbours.
local function distance(a, b)
  local before, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local this = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j) and 0 or 1
      this[j] = math.min(row[j] + 1, this[j - 1] + 1, row[j - 1] + same)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        this[j] = math.min(this[j], before[j - 2] + 1)
      end
    end
    before, row = row, this
  end
  return row[#b]
end

-- The nearest of `names`, if it is near enough to be a slip; nil otherwise.
function M.nearest(name, names)
  local best, least
  for _, candidate in ipairs(names) do
    local steps = distance(name:lower(), candidate:lower())
    if candidate:sub(1, #name) == name and #name >= 3 then steps = math.min(steps, 2) end
    if not least or steps < least then best, least = candidate, steps end
  end
  return least and least <= math.max(1, #name // 3) and best or nil
end

-- " (did you mean X?)", or nothing.
function M.suggestion(name, names)
  local near = M.nearest(name, names)
  return near and (": did you mean %s?"):format(near) or ""
end

-- `stop_application` -> `stop-application`
function M.kebab(key) return (key:gsub("_", "-")) end

return M
