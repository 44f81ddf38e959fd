-- Steps that move roles, and conditions on roles, as the bundled runbooks use them.

local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local inference = require("homeward.inference")
local running = require("homeward.running")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

-- Whether the host is the one open Primary now.
function M.is_primary(ctx, host) return scenes.of(ctx).open == host end

-- The host that has the role until it is brought home; once it is at home, the one that handed it over.
function M.away(ctx) return inference.away(running.of(ctx).set, ctx.params.home) end

-- The same of a planned move to the parameter `to`.
function M.from(ctx) return inference.away(running.of(ctx).set, ctx.params.to) end

-- How titles call it: none is known where the role was at home when the run began, and nobody had handed it over.
function M.called(away) return away or "another host" end

-- An action that is begun only while `away` has the role, or `home` has it already. Somebody may take over while a run
-- is at work: it would go on with another host's data, and lose what `away` has written.
function M.under(ctx, away, home, action)
  return {
    done = action.done,
    run = function()
      if not away then
        failures.raise{ code = "not-primary", host = home, object = ctx.params.rvg,
          message = ("%s was the Primary when this run began, and is not any more"):format(home),
          hint = "see what happened: homeward status" }
      end
      local set = not running.of(ctx).is_plan and scenes.of(ctx)
      if set and set.open and set.open ~= away and set.open ~= home then
        failures.raise{ code = "not-primary", host = away, object = ctx.params.rvg,
          message = ("%s is the Primary now, and this run began under %s"):format(set.open, away),
          hint = "see what happened: homeward status" }
      end
      return action.run()
    end,
  }
end

-- Whether the role has come home, or the host is a Secondary of the Primary already.
local function is_converted(set, home)
  if set.open == home then return ("%s is the Primary"):format(home) end
  local member = set.members[home]
  return member and member.role == "secondary" and set.open ~= nil and member.follows == set.open
    and ("%s is a Secondary of %s"):format(home, set.open)
end

-- The updates of a host that the open Primary's history does not contain; nil while that is not known.
local function unsent(set, host)
  local link = scenes.link(set.members[set.open], host)
  return link and link.diverged
end

local function ask(ctx, refusal)
  local text = ("%s. Give them up? They are kept in a salvage file as far as the log has them."):format(refusal.message)
  local answer = engine.ask(text, { choices = { "yes", "no" } })
  if answer == "yes" then return true end
  local why = answer and "nothing was discarded"
    or engine.settings().terminal and "it was not answered, and nothing was discarded" or "nobody can be asked"
  refusal.hint = ("%s; to give them up: %s"):format(why, running.command(running.of(ctx), "discard_unsent=yes"))
  error(refusal, 0)
end

-- makesec on the old Primary; updates that never left it are given up only if the parameter discard_unsent says so.
function M.makesec(ctx, home, away)
  return {
    done = function() return is_converted(scenes.of(ctx), home) end,
    run = function()
      local rvg = scenes.rvg(scenes.of(ctx), home)
      -- A plan has no refusal to go by: what is counted now says which command it comes to.
      if running.of(ctx).is_plan and ctx.params.discard_unsent == "yes" and (unsent(scenes.of(ctx), home) or 0) > 0 then
        return rvg:makesec(away, { force = true })
      end
      local ok, result = pcall(function() return rvg:makesec(away) end)
      if ok then return result end
      local refusal = failures.from(result)
      if refusal.code ~= "unsent-updates" then error(result, 0) end
      if ctx.params.discard_unsent == "no" then
        refusal.hint = "discard_unsent=no: nothing is given up; copy what you need from " .. home .. " first"
        error(refusal, 0)
      end
      if ctx.params.discard_unsent == "ask" then ask(ctx, refusal) end
      local forced = rvg:makesec(away, { force = true })
      local file = forced.discarded and forced.discarded.salvage_file
      if file then ctx.step.note(("what was given up is kept in %s on %s"):format(file, home)) end
      return forced
    end,
  }
end

-- Migrate is over when the old Primary has given the role up; the new one may hear of it later.
local function await_primary(ctx, to, seconds)
  local started = engine.monotonic()
  while not M.is_primary(ctx, to) do
    if engine.monotonic() - started >= seconds then
      failures.raise{ code = "timed-out", host = to, object = ctx.params.rvg,
        message = ("the role was given up for %s, which is not an open Primary after %d s"):format(to, seconds),
        hint = ("see that its daemon runs and is reached: homeward status --host %s"):format(to) }
    end
    hw.sleep(0.5)
  end
end

-- The role goes to a Secondary that is up-to-date.
function M.migrate(ctx, to)
  return {
    done = function() return M.is_primary(ctx, to) and ("%s is the Primary"):format(to) end,
    run = function()
      local result = ctx.rds:migrate(to)
      if not running.of(ctx).is_plan then await_primary(ctx, to, 60) end
      return result
    end,
  }
end

-- Preflight of the way home: `home` can become a Secondary of the host that has the role.
function M.check_home(ctx, check, home)
  local set = check.set
  if is_converted(set, home) then return end
  local member, away = set.members[home], set.open
  if member.role ~= "primary" then
    local follows = member.follows and (" of " .. member.follows) or ""
    check:refuse{ code = "not-secondary", host = home, object = ctx.params.rvg,
      message = ("%s is a %s%s, so makesec cannot bring it under %s"):format(home, member.role, follows, away),
      hint = ("vradmin -g %s -l printrvg %s"):format(ctx.params.dg, ctx.params.rvg) }
    return
  end
  check:closed(home)
  local count = unsent(set, home)
  if not count or count == 0 then return end
  local text = ("%s of %s never reached %s"):format(words.count(count, "update"), home, away)
  if ctx.params.discard_unsent == "no" then
    check:refuse{ code = "unsent-updates", host = home, object = ctx.params.rvg,
      message = text .. ", and discard_unsent=no",
      hint = "copy what you need from " .. home .. ", then give them up: discard_unsent=yes" }
  elseif ctx.params.discard_unsent == "ask" then
    check:question(text .. ": give them up? (discard_unsent=yes answers it)")
  end
end

return M
