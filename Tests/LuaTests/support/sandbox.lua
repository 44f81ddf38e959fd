-- Runs the bundled runbooks and their library against the model, each time with everything loaded anew.

local fakes = require("support.fakes")
local journal = require("support.journal")
local models = require("support.model")
local texts = require("texts")

local M = {}

-- A `require` that finds the model's modules, and the library as it is bundled.
local function loader(model)
  local loaded = { homeward = fakes.homeward(model), ["homeward.engine"] = journal.new(model) }
  local env = setmetatable({}, { __index = _G })
  function env.require(name)
    if loaded[name] then return loaded[name] end
    local text = texts["lib/" .. name:gsub("%.", "/") .. ".lua"]
    if not text then error("no module is named " .. name, 2) end
    local f, message = load(text, "@scripts/lib/" .. name:gsub("%.", "/") .. ".lua", "t", env)
    if not f then error(message, 0) end
    loaded[name] = f(name)
    return loaded[name]
  end
  -- Runbooks and site files are loaded by the library, and see this `require` too.
  env.load = function(text, chunk, mode, given)
    local metatable = given and getmetatable(given)
    if metatable then metatable.__index, metatable.__newindex = env, env end
    return load(text, chunk, mode, given or env)
  end
  -- As in Homeward's host, neither the end of the runner nor a cancelled run is an error that can be caught.
  env.pcall = function(...)
    local results = table.pack(pcall(...))
    if results[2] == models.killed or results[2] == models.cancelled then error(results[2], 0) end
    return table.unpack(results, 1, results.n)
  end
  env._G = env
  return env.require
end

M.site = [[
return {
  stop_application = function(ctx) hw.sh{ "app", "stop", on = ctx.host } end,
  start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
}
]]

function M.module(model, name) return loader(model)(name) end

-- Runs a plain script, as `homeward exec` does.
function M.exec(model, text, chunk, ...)
  local env = setmetatable({ require = loader(model), arg = { ... }, print = function() end }, { __index = _G })
  local f = assert(load(text, "@" .. chunk, "t", env))
  return f(...)
end

-- Options of `main` for a bundled runbook, or for a text.
function M.options(action, name, arguments, extra)
  extra = extra or {}
  local site = extra.site
  if site == nil then site = M.site end
  return {
    action = action, name = name, source = extra.source or texts["runbooks/" .. name .. ".lua"],
    chunk = extra.source and name .. ".lua" or "runbooks/" .. name .. ".lua", file = "bundled", revision = "r1",
    site = site and { chunk = "site.lua", source = site } or nil, arguments = arguments or {},
  }
end

-- Calls `main` and returns what it returns, or raises.
function M.call(model, action, name, arguments, extra)
  return loader(model)("homeward.runbook").main(M.options(action, name, arguments, extra))
end

function M.run(model, name, arguments, extra) return M.call(model, "run", name, arguments, extra) end
function M.plan(model, name, arguments, extra)
  local result = M.call(model, "plan", name, arguments, extra)
  model.is_planning = false
  return result
end

-- Runs until the runner is killed at a request; true if it was, nil and the result if the run ended before that.
function M.kill(model, at, name, arguments, extra)
  model.kill_at = at
  local ok, result = pcall(M.run, model, name, arguments, extra)
  if model.dead then
    model:revive()
    return true
  end
  model:revive()
  if not ok then error(result, 0) end
  return nil, result
end

M.cancelled = models.cancelled
M.new = models.new
M.copy = models.copy

return M
