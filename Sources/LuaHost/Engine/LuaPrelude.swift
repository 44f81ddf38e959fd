/// The part of the world that is written in Lua.
///
/// It runs once, before any script; its chunk has a name of ours, so that
/// places in messages are those of the script.
enum LuaPrelude {
    static let text = base + seeded + modules + end

    private static let base = #"""
        local native = ...
        local _G, type, select, next, rawget, rawset, error = _G, type, select, next, rawget, rawset, error
        local tostring, setmetatable, getmetatable, pcall, ipairs = tostring, setmetatable, getmetatable, pcall, ipairs
        -- Kept: what a script makes of its libraries changes nothing here.
        local concat, sort, unpack = table.concat, table.sort, table.unpack
        local string_format, match, find = string.format, string.match, string.find
        local sub, gsub = string.sub, string.gsub
        local M = { native = native }

        M.error_metatable = {
          __metatable = false,
          __name = "error",
          __tostring = function(e) return native.describe(e) end,
          __concat = function(a, b) return tostring(a) .. tostring(b) end,
        }

        function _G.print(...)
          local parts, n = { ... }, select("#", ...)
          for i = 1, n do parts[i] = rawget(_G, "tostring")(parts[i]) end
          native.write(concat(parts, "\t", 1, n) .. "\n")
        end

        function _G.warn(...) native.warn(concat({ ... })) end
        function _G.help(x) native.help(x) end
        M.help = _G.help

        function _G.load(chunk, ...)
          local name, mode = ...
          if type(chunk) == "function" then
            -- Collected here, since the parser would swallow what its reader raises.
            local pieces, piece = {}, chunk()
            while piece ~= nil and piece ~= "" do
              if type(piece) ~= "string" then return nil, "reader function must return a string" end
              pieces[#pieces + 1] = piece
              piece = chunk()
            end
            chunk = concat(pieces)
            name = name or "=(load)"
          elseif type(chunk) ~= "string" then
            error("bad argument #1 to 'load' (string or function expected)", 2)
          end
          if mode ~= nil and not find(tostring(mode), "t", 1, true) then
            return nil, "attempt to load a text chunk (mode is '" .. tostring(mode) .. "')"
          end
          if select("#", ...) >= 3 then return native.load(chunk, name or chunk, (select(3, ...))) end
          return native.load(chunk, name or chunk)
        end

        local os_time, os_date = native.os_time, native.os_date
        -- Errors of the stock function are told as if the caller had called it.
        local function stock(name, f, ...)
          local ok, result = pcall(f, ...)
          if ok then return result end
          if result == "not enough memory" then error(result, 0) end
          error((gsub(tostring(result), "'[%w_?]+'", "'" .. name .. "'", 1)), 3)
        end
        _G.os = {
          time = function(t)
            if t == nil then return native.seed and native.time() or os_time() end
            return (stock("time", os_time, t))
          end,
          clock = function() return native.clock() end,
          date = function(format, time)
            if format == nil then format = "%c" end
            if native.seed then
              format = tostring(format)
              if sub(format, 1, 1) ~= "!" then format = "!" .. format end
              time = time or native.time()
            end
            return (stock("date", os_date, format, time))
          end,
        }
        native.os_time, native.os_date = nil, nil

        function native.join(fiber)
          native.wait({ fiber })
          return native.results(fiber)
        end

        local guard = {
          __close = function(self)
            for _, fiber in ipairs(self.fibers) do native.cancel(fiber) end
            for _, fiber in ipairs(self.fibers) do
              if not native.ended(fiber) then native.wait({ fiber }) end
              native.release(fiber)
            end
          end,
        }
        function native.guard(fibers) return setmetatable({ fibers = fibers }, guard) end

        """#

    /// A world that is the same for the same seed: no address and no order of Lua's memory is seen.
    private static let seeded = #"""

        if native.seed then
          local numbers, count, plain = setmetatable({}, { __mode = "k" }), 0, tostring
          local function show(x)
            local kind = type(x)
            local metatable = getmetatable(x)
            if kind == "table" or kind == "function" or kind == "thread" then
              if type(metatable) == "table" and metatable.__tostring ~= nil then return plain(x) end
              if metatable == false then return plain(x) end
              if not numbers[x] then
                count = count + 1
                numbers[x] = count
              end
              local name = type(metatable) == "table" and rawget(metatable, "__name")
              return string_format("%s: 0x%08x", type(name) == "string" and name or kind, numbers[x])
            end
            return plain(x)
          end
          tostring = show
          function _G.tostring(...)
            if select("#", ...) == 0 then error("bad argument #1 to 'tostring' (value expected)", 2) end
            return show((...))
          end
          local tables = { table = true, ["function"] = true, thread = true, userdata = true }
          function string.format(format, ...)
            if type(format) == "string" and find((gsub(format, "%%%%", "")), "%%[-+ #0-9.]*p") then
              error("%p has no meaning here", 2)
            end
            local arguments, n = { ... }, select("#", ...)
            for i = 1, n do
              if tables[type(arguments[i])] then arguments[i] = show(arguments[i]) end
            end
            return string_format(format, unpack(arguments, 1, n))
          end

          local ranks = { number = 1, string = 2, boolean = 3, userdata = 4 }
          local function before(a, b)
            local ta, tb = type(a), type(b)
            if ta ~= tb then return ranks[ta] < ranks[tb] end
            if ta == "number" or ta == "string" then return a < b end
            return plain(a) < plain(b)
          end
          local function keys_of(t, level)
            local keys, odd = {}, 0
            for key in next, t do
              keys[#keys + 1] = key
              if not ranks[type(key)] then odd = odd + 1 end
            end
            if odd > 1 or (odd == 1 and #keys > 1) then
              error("tables and functions as keys have no order that is the same each time", level)
            end
            if #keys > 1 then sort(keys, before) end
            return keys
          end
          local function sorted(t)
            local keys, i = keys_of(t, 4), 0
            return function()
              local value
              repeat
                i = i + 1
                if keys[i] == nil then return nil end
                value = rawget(t, keys[i])
              until value ~= nil
              return keys[i], value
            end
          end
          local stock_pairs, stock_next = pairs, next
          function _G.pairs(t)
            if type(t) ~= "table" then return stock_pairs(t) end
            local metatable = getmetatable(t)
            if type(metatable) == "table" and rawget(metatable, "__pairs") ~= nil then return stock_pairs(t) end
            return sorted(t), t, nil
          end
          function _G.next(t, key)
            if type(t) ~= "table" then return stock_next(t, key) end
            local keys = keys_of(t, 3)
            for i = 1, #keys do
              if key == nil or before(key, keys[i]) then return keys[i], rawget(t, keys[i]) end
            end
            return nil
          end
          local randomseed = math.randomseed
          randomseed(native.seed)
          function math.randomseed(...)
            if select("#", ...) == 0 then return randomseed(native.seed) end
            return randomseed(...)
          end
        end

        """#

    private static let modules = #"""

        local loaded, loading, awaited = {}, {}, {}

        local function is_mine(loader)
          for _, fiber in ipairs({ native.fiber() }) do
            if fiber == loader then return true end
          end
          return false
        end

        -- Whether waiting for `name` would wait for this fiber itself.
        local function is_cycle(name)
          local seen = {}
          while name and loading[name] and not seen[name] do
            seen[name] = true
            if is_mine(loading[name].fiber) then return true end
            name = awaited[loading[name].fiber]
          end
          return false
        end

        local function chain_of(name)
          local chain = { name }
          local at = loading[name] and loading[name].child
          while at and at ~= name and #chain < 50 do
            chain[#chain + 1] = at
            at = loading[at] and loading[at].child
          end
          chain[#chain + 1] = name
          return concat(chain, " → ")
        end

        local release = { __close = function(self) loading[self.name] = nil end }

        local function load_module(name)
          local text, chunk = native.source(name)
          if text == nil then
            local near = native.nearest(name)
            native.raise{
              code = "unknown-module", message = "no module is named '" .. name .. "'",
              hint = near and ("did you mean '" .. near .. "'?") or "look at the spelling and at where scripts are searched",
            }
          end
          local f, message = native.load(text, "@" .. chunk)
          if not f then
            native.raise{ code = "lua-syntax", message = message, hint = "correct the line", object = name }
          end
          local value = f(name, chunk)
          if value == nil then value = true end
          return value
        end

        function _G.require(name)
          if type(name) ~= "string" or not match(name .. ".", "^[%w_]+%.[%w_%.]*$")
            or find(name, "..", 1, true) or sub(name, -1) == "." then
            native.raise{
              code = "bad-argument",
              message = "require: " .. string_format("%q", tostring(name)) .. " is no name of a module",
              hint = "names are words of letters, digits and '_', with '.' between them",
            }
          end
          if loaded[name] ~= nil then return loaded[name] end
          local declared = native.module(name)
          if declared then
            loaded[name] = declared
            return declared
          end
          local me = native.fiber()
          while loading[name] do
            if is_cycle(name) then
              native.raise{
                code = "bad-argument", message = "require: '" .. name .. "' needs itself: " .. chain_of(name),
                hint = "take what both need into a third module",
              }
            end
            awaited[me] = name
            native.sleep(0.01)
            awaited[me] = nil
            if loaded[name] ~= nil then return loaded[name] end
          end
          local outer = M.innermost and M.innermost[me]
          local entry <close> = setmetatable({ name = name, fiber = me }, release)
          loading[name] = entry
          M.innermost = M.innermost or {}
          if outer and loading[outer] then loading[outer].child = name end
          M.innermost[me] = name
          local back <close> = setmetatable({}, { __close = function() M.innermost[me] = outer end })
          local value = load_module(name)
          loaded[name] = value
          return value
        end

        """#

    private static let end = #"""

        function M.seal()
          setmetatable(_G, {
            __metatable = false,
            __index = function(_, name) native.undeclared(name, false) end,
            __newindex = native.strict and function(_, name) native.undeclared(name, true) end or nil,
          })
        end

        return M
        """#
}
