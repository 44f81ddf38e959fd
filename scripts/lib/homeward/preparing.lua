-- What comes before the first step, of a run as of a plan: the site file, the hosts, the parameters, the preflight.

local checks = require("homeward.checks")
local engine = require("homeward.engine")
local hw = require("homeward")
local outline = require("homeward.outline")
local parameters = require("homeward.parameters")
local pasts = require("homeward.past")
local reaching = require("homeward.reaching")
local running = require("homeward.running")
local scenes = require("homeward.scene")
local site = require("homeward.site")
local words = require("homeward.words")

local M = {}

-- Commands of hooks outlive a runner that was killed. What one of them still does to the application would otherwise
-- come after what this run does.
-- Returns whether there was one.
local function finish_left(set)
  local left = engine.left_commands()
  local found = false
  for _, run in ipairs(#left > 0 and hw.runs() or {}) do
    for _, command in ipairs(pasts.is_of(set, run:info()) and left or {}) do
      if command.run == run.id then
        found = true
        local seconds = math.max(0, command.deadline - engine.now())
        engine.say(("  waits for %s (process %d), which run %s started before it died; in %s it is ended"):format(
          command.text, command.pid, command.run, words.seconds(seconds)))
        engine.finish_command(command)
      end
    end
  end
  return found
end

-- Parameters, in the order in which they need each other: the RDS first, then the run before this one, then the rest.
local function resolve(run, options)
  local book = run.book
  local given = parameters.read(book.parameters, options.arguments or {}, book.name)
  local look = { scene = scenes.look(), given = given, past = { parameters = {} } }
  local resolver = parameters.resolver(book.parameters, given)
  look.value = function(name) return resolver:value(name, look) end
  local dg, rvg = look.value("dg"), look.value("rvg")
  if dg and rvg then
    local function look_again()
      look.scene = scenes.look()
      look.set = scenes.set(look.scene, dg, rvg)
    end
    look.set = scenes.set(look.scene, dg, rvg)
    if not run.is_plan and finish_left(look.set) then look_again() end
    -- A run that died may have moved the role a moment ago.
    for _ = 1, 20 do
      if look.set.open or not scenes.is_moving(look.set) then break end
      hw.sleep(0.5)
      look_again()
    end
  end
  look.past = pasts.read(book.name, look.set)
  resolver.earlier = look.past.goes_on and look.past.parameters or {}
  for name in pairs(book.parameters) do look.value(name) end
  resolver:check_hosts(look.scene.hosts)
  run.scene, run.set, run.past, run.resolver = look.scene, look.set, look.past, resolver
  run.params, run.application = resolver.values, look.past.application
  look.past.application_since = run.application.since
  run.rds = look.set and scenes.rds(look.set) or nil
end

-- Another run of the same RDS that has not ended, as the journal has it; nil when there is none.
function M.other(run)
  for _, other in ipairs(run.set and hw.runs() or {}) do
    local info = other.state == "running" and other:info()
    if info and info.state == "running" and pasts.is_of(run.set, info) then return info end
  end
  return nil
end

-- Two runs of one RDS would stop and start the application under each other. The journal refuses the second one too,
-- when it is entered; here it is told before anything is asked for it.
local function refuse_second(run)
  local other = M.other(run)
  if not other then return end
  run.is_second = true
  local step = other.steps[#other.steps]
  run.problems[#run.problems + 1] = { code = "run-in-progress", object = run.book.name,
    message = ("run %s (%s) is at work on %s/%s%s"):format(other.id, other.runbook, run.set.dg, run.set.rvg,
      step and ", at the step " .. step.id or ""),
    hint = ("wait for it (homeward runs show %s), or end it with Ctrl-C where it runs"):format(other.id) }
end

-- Fills a run in. Raises what is wrong with the files and with what was given; what does not hold is in `run.problems`.
function M.prepare(run, options)
  run.book = outline.load(options, run)
  local ids = outline.ids(run.book)
  run.site = site.load(options.site, ids)
  resolve(run, options)
  run.problems, run.questions = run.resolver.problems, {}
  refuse_second(run)
  running.begin(run)
  if run.set and run.set.open then run.ctx.host = hw.host(run.set.open) end
  -- Conditions are looked at when it is known of what.
  if #run.problems > 0 then return end
  if run.book.preflight then
    local check = checks.new(run)
    run.book.preflight(run.ctx, check)
    run.problems, run.questions = check.problems, check.questions
  end
  for _, problem in ipairs(reaching.problems(run, options)) do run.problems[#run.problems + 1] = problem end
end

return M
