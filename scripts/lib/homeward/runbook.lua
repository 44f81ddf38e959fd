-- The runbook engine. The command line calls `main`; see scripts/README.md for how runbooks are written.

local failures = require("homeward.failures")

local M = {}

local actions = {
  run = function(options) return require("homeward.acting").run(options) end,
  plan = function(options) return require("homeward.planning").plan(options) end,
  show = function(options)
    local outline = require("homeward.outline")
    return outline.show(outline.load(options, {}))
  end,
  check = function(options) return require("homeward.checking").check(options) end,
}

-- Runs, plans, shows or checks a runbook.
--
-- options: { action = "run"|"plan"|"show"|"check", name, source, chunk, file?, revision?, site = { chunk, source }?,
-- arguments = { name = "text" }? }. Raises a table with a code.
function M.main(options)
  local action = actions[options.action]
  if not action then
    failures.raise{ code = "bad-argument", message = ("there is no action %s"):format(tostring(options.action)),
      hint = "run, plan, show or check" }
  end
  options.chunk = options.chunk or options.name
  return action(options)
end

return M
