-- The application of the site, which runs exactly where the Primary is.
--
-- Hooks of the site stop and start it; both may be called again. What earlier runs did is known from the journal.

local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local running = require("homeward.running")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

-- The newest epoch of a host, and the process of its daemon: one of them changes with the role, and where the host or
-- its daemon went down under the application.
local function reign_of(set, host)
  local member = set.members[host]
  local newest = member and member.history and member.history[#member.history]
  return newest and ("%s of process %s"):format(newest.id, tostring(member.process or "unknown"))
end

-- Whether it is known to have been started where the Primary is, in the present reign.
local function runs_on(app, set, host)
  return set.open == host and not app.touched and app.on == host and app.reign ~= nil
    and app.reign == reign_of(set, host)
end

-- The step that stops it on `from`, before the role goes to `to`.
function M.stop(ctx, from, to)
  local run = running.of(ctx)
  local app = run.application
  local function moved(set) return set.open == to end
  return {
    done = function()
      local set = scenes.of(ctx)
      if not moved(set) then return false end
      if runs_on(app, set, to) then return ("it runs on %s"):format(to) end
      if not from then return ("%s is the Primary"):format(to) end
      return not app.touched and not app.on and ("%s is the Primary"):format(to)
    end,
    run = function()
      ctx.host = hw.host(from)
      if not run:has_own("stop-application") then
        return ctx.step.skip("the site file has no stop_application; nothing else stops it")
      end
      local set = scenes.of(ctx)
      run:touch()
      -- A host that is lost after it handed its role over holds no volume open, and is not waited for.
      if moved(set) and not (set.members[from] and set.members[from].reachable) then
        return { summary = ("%s does not answer and is not the Primary any more"):format(from) }
      end
      ctx.step.hook("stop-application")
      return { host = from }
    end,
  }
end

-- The step that starts it on `on`. Never skipped for what the journal says: somebody may have stopped it since, and the
-- hook may be called again.
function M.start(ctx, on)
  local run = running.of(ctx)
  local app = run.application
  return {
    run = function()
      ctx.host = hw.host(on)
      if not run:has_own("start-application") then
        return ctx.step.skip("the site file has no start_application; start it on " .. on)
      end
      local set = scenes.of(ctx)
      if set.open ~= on and not run.is_plan then
        failures.raise{ code = "not-primary", host = on, object = ctx.params.rvg,
          message = ("%s is not the open Primary, so the application is not started there"):format(on),
          hint = "the roles: homeward status" }
      end
      run.starting = on
      app.touched = true
      ctx.step.hook("start-application")
      run.starting = nil
      app.touched, app.on, app.reign = false, on, reign_of(set, on)
      return { host = on, reign = app.reign }
    end,
  }
end

-- Raises if the host on which this run started it was lost since, and is Primary again: the volumes failed under it.
-- `set`: the RDS as it stands now.
function M.require_running(ctx, set, on)
  local run = running.of(ctx)
  local app = run.application
  if not run:has_own("start-application") or app.on ~= on or runs_on(app, set, on) then return end
  failures.raise{ code = "primary-restarted", host = on, object = ctx.params.rvg,
    message = ("%s was lost after the application was started there, and is open again: it may not run"):format(on),
    hint = "start it with the same command, which has little else to do: " .. running.command(run) }
end

-- Several Primaries stay until somebody chooses; a moment is left for one to hear of the other and shut.
local rivalry = 3

-- The one open Primary, once no change of role is under way. nil and why, when that is not known in time.
local function settled_primary(ctx, seconds)
  local started, rivals_since, is_told = engine.monotonic(), nil, false
  repeat
    local ok, set = pcall(scenes.of, ctx)
    local is_settled = ok and not scenes.is_moving(set)
    if is_settled and set.open then return set.open, set end
    local now = engine.monotonic()
    rivals_since = is_settled and #set.opened > 1 and (rivals_since or now) or nil
    if rivals_since and now - rivals_since >= rivalry then
      return nil, ("%s are open Primaries"):format(words.list(set.opened))
    end
    if not is_told then
      is_told = true
      engine.say(("the application is stopped: looks for the open Primary, for %s at most"):format(
        words.seconds(seconds)))
    end
    hw.sleep(0.5)
  until engine.monotonic() - started >= seconds
  return nil, "no open Primary is known"
end

-- A run ends before its time: the application that it, or a run before it, stopped is started where the Primary is.
-- Returns what happened in words, or nil when there was nothing to do.
function M.settle(ctx, seconds, is_interrupted)
  local run = running.of(ctx)
  local app = run.application
  if not app.touched or not run:has_own("start-application") then return nil end
  -- A runbook of one's own need not have the parameter.
  if rawget(ctx.params, "on_failure") == "leave" then return "the application is left as it is (on_failure=leave)" end
  local primary, found = settled_primary(ctx, seconds)
  if not primary then
    return ("the application is stopped: %s; start it where it belongs, or start the runbook again"):format(found)
  end
  -- A start that failed is not tried again at once; one that was interrupted is.
  if run.starting == primary and not is_interrupted then
    return ("the application is not running: it did not start on %s"):format(primary)
  end
  ctx.host = hw.host(primary)
  local title = ("Start the application again on %s"):format(primary)
  local ok, failure = run:extra("restart-application", title, function()
    ctx.step.hook("start-application")
    app.touched, app.on, app.reign = false, primary, reign_of(found, primary)
    return { host = primary, reign = app.reign }
  end)
  if ok then return ("the application was started again on %s"):format(primary) end
  return ("the application could not be started again on %s: %s"):format(primary, failures.line(failure))
end

return M
