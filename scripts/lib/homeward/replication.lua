-- Steps that synchronize Secondaries and start replication to them, as the bundled runbooks use them.

local application = require("homeward.application")
local engine = require("homeward.engine")
local failures = require("homeward.failures")
local hw = require("homeward")
local progress = require("homeward.progress")
local running = require("homeward.running")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

-- Seconds for which a Primary that is lost is waited for: the application may be stopped.
local silence = 120

-- The word for a step that is done because something replicates to `host` now, or false. A host that is Primary needs
-- nothing. With `from`: only if that host is the Primary.
local function attached(ctx, host, from)
  local set = scenes.of(ctx)
  if set.open == host then return ("%s is the Primary"):format(host) end
  if from and set.open ~= from then return false end
  local link = scenes.link(set.members[set.open], host)
  return link and link.kstate ~= "DETACHED" and ("replication to %s is started"):format(host)
end

-- Whether a run before this one, with which this one goes on, made the checkpoint in the step `id`.
local function is_own(ctx, id)
  local run = running.of(ctx)
  return run.past.goes_on and run.past.begun[id] or false
end

-- Whether this run has made it there.
local function is_made(ctx, id)
  for _, step in ipairs(running.of(ctx).steps or {}) do
    if step.id == id then return step.state == "done" end
  end
  return false
end

-- Agrees to what a verb tells of, once it was asked; where nobody can be asked it is agreed to and told. At a terminal
-- no answer is the end of the input, which agrees to nothing.
local function consenting(verb)
  local ok, result = pcall(verb, nil)
  if ok then return result end
  local refusal = failures.from(result)
  if refusal.code ~= "needs-consent" then error(result, 0) end
  local text = refusal.message:gsub("%s*Go on%?$", "")
  local answer = engine.ask(text .. " Go on?", { choices = { "yes", "no" }, assumed = "yes" })
  if answer == "no" or not answer and engine.settings().terminal then
    refusal.message = text .. (answer and " It was answered with no" or " It was not answered")
    refusal.hint = "nothing was begun"
    error(refusal, 0)
  end
  if not answer then
    for _, line in ipairs(words.wrap("note: " .. text, "  ", "  ")) do engine.say(line) end
  end
  return verb(true)
end

-- startrep; of a copy that was made by hand it is asked whether it is one.
local function startrep(ctx, host, checkpoint)
  return consenting(function(consent)
    return ctx.rds:startrep(host, { checkpoint = checkpoint, consent = consent })
  end)
end

-- syncrvg under a checkpoint: reused if it is complete and valid, continued if its job is unfinished, else taken anew.
-- `from`: the host that is Primary by then, if it is not yet.
function M.synchronize(ctx, host, checkpoint, from)
  local id = from and "synchronize-" .. host or "synchronize"
  local tried = false
  local function synchronize()
    return consenting(function(consent)
      return ctx.rds:syncrvg(host, { checkpoint = checkpoint, consent = consent, on_progress = progress.printer(ctx) })
    end)
  end
  return {
    done = function() return attached(ctx, host, from) end,
    run = function()
      local ok, result = pcall(synchronize)
      if ok then return result end
      local refusal = failures.from(result)
      if refusal.code ~= "checkpoint-name-in-use" or tried or not is_own(ctx, id) then error(result, 0) end
      tried = true
      engine.say(("  the checkpoint %s of the run before cannot be used any more: it is taken anew"):format(checkpoint))
      ctx.rds:checkdelete(checkpoint)
      return synchronize()
    end,
  }
end

-- startrep with the checkpoint of the synchronization.
function M.start(ctx, host, checkpoint)
  return {
    done = function() return attached(ctx, host) end,
    run = function() return startrep(ctx, host, checkpoint) end,
  }
end

-- The same from another Primary, and the checkpoint is deleted: it would hold on to the log. One of that name that no
-- run of this runbook made is left alone.
function M.start_and_forget(ctx, host, checkpoint, from)
  local function exists()
    if running.of(ctx).is_plan then return false end
    local synchronize, start = "synchronize-" .. host, "start-replication-" .. host
    if not is_made(ctx, synchronize) and not is_own(ctx, synchronize) and not is_own(ctx, start) then return false end
    for _, known in ipairs(ctx.rds:cplist()) do
      if known.name == checkpoint then return true end
    end
    return false
  end
  return {
    done = function()
      local word = attached(ctx, host, from)
      return word and not exists() and word
    end,
    run = function()
      local result = startrep(ctx, host, checkpoint)
      if running.of(ctx).is_plan or exists() then ctx.rds:checkdelete(checkpoint) end
      return result
    end,
  }
end

-- Whether replication from `from` to the host is started; not known while nothing is done.
function M.is_started(ctx, host, from)
  local run = running.of(ctx)
  return not run.is_plan and not run.is_outline and attached(ctx, host, from) and true or false
end

-- The RDS with `host` as its open Primary; a moment is left for an answer that was lost. Raises if it is not.
local function require_open(ctx, host)
  local set
  for _ = 1, 8 do
    set = scenes.of(ctx)
    if set.open == host then return set end
    hw.sleep(0.5)
  end
  local member = set.members[host]
  local is_silent = not member or not member.reachable
  return failures.raise{ code = is_silent and "host-unreachable" or "not-primary", host = host, object = ctx.params.rvg,
    message = is_silent and ("%s does not answer any more, so whether it replicates is not known"):format(host)
      or ("%s is not the open Primary any more%s"):format(host, member.reason and ": " .. member.reason or ""),
    hint = "how the hosts stand: homeward status" }
end

local function require_attached(ctx, set, host, text, hint)
  local link = scenes.link(set.members[set.open], host)
  if not link or link.kstate ~= "DETACHED" then return end
  failures.raise{ code = "link-detached", host = set.open, object = ctx.params.rvg,
    message = text:format(host) .. (link.reason and ": " .. link.reason or ""), hint = hint }
end

-- Raises if the Primary was lost meanwhile, also if it is back, or a host to which replication was started is not
-- replicated to any more: the log may have overflowed while others were synchronized. `away` handed the role over in
-- this run, and replication back to it came with that; its log may be damaged since.
function M.require_started(ctx, hosts, from, away)
  local run = running.of(ctx)
  if run.is_plan or run.is_outline then return end
  local set = require_open(ctx, from)
  application.require_running(ctx, set, from)
  for _, host in ipairs(hosts) do
    require_attached(ctx, set, host, "replication to %s was started and is detached again",
      "synchronize it anew, with the same command: " .. running.command(run))
  end
  if away and (is_made(ctx, "migrate") or is_own(ctx, "migrate")) then
    require_attached(ctx, set, away, "replication back to %s came with the role and is detached again",
      ("synchronize it: vradmin -g %s -c NAME syncrvg %s %s, then startrep with the same checkpoint"):format(
        ctx.params.dg, ctx.params.rvg, away))
  end
end

-- startrep, and then waits until what was written meanwhile has nearly gone over: the application still runs.
function M.start_early(ctx, host, checkpoint)
  local action = M.start(ctx, host, checkpoint)
  return {
    done = action.done,
    run = function()
      local result = action.run()
      if running.of(ctx).is_plan then return result end
      ctx.rds:await(host, { behind = 4 * 1024 * 1024, silence = silence, on_progress = progress.printer(ctx) })
      return result
    end,
  }
end

-- Waits until the Secondary, and those of `others` to which replication is started, have everything.
function M.await(ctx, host, others)
  return {
    done = function() return scenes.of(ctx).open == host and ("%s is the Primary"):format(host) end,
    run = function()
      local names = { host }
      for _, name in ipairs(others or {}) do
        if attached(ctx, name) and scenes.of(ctx).open ~= name then names[#names + 1] = name end
      end
      for _, name in ipairs(names) do
        ctx.rds:await(name, { state = "up-to-date", silence = silence, on_progress = progress.printer(ctx) })
      end
      return { summary = ("%s %s up-to-date"):format(words.list(names), #names == 1 and "is" or "are") }
    end,
  }
end

-- startrep of a Secondary whose volumes equal the Primary's.
function M.start_identical(ctx, host, from)
  return {
    done = function() return attached(ctx, host, from) end,
    run = function() return ctx.rds:startrep(host, { identical = true }) end,
  }
end

-- Codes that say that a Secondary is not at the same place as the Primary.
local elsewhere = { ["not-up-to-date"] = true, ["diverged"] = true, ["copy-differs"] = true, ["inconsistent"] = true,
  ["no-receipt"] = true, ["other-lineage"] = true }

-- Replication to a further Secondary after a change of role: it ends where the new Primary began, which the hosts can
-- prove, so nothing is copied. Where it does not, it is synchronized.
function M.resume(ctx, host, checkpoint, from)
  local copying = M.synchronize(ctx, host, checkpoint, from)
  local starting = M.start_and_forget(ctx, host, checkpoint, from)
  local is_copied = false
  return {
    -- The checkpoint of a copy is still to be deleted when the answer of what came after was lost.
    done = function() return not is_copied and starting.done() end,
    run = function()
      if attached(ctx, host, from) then return starting.run() end
      local ok, result = pcall(function() return ctx.rds:startrep(host, { identical = true }) end)
      if ok then return result end
      local refusal = failures.from(result)
      if not elsewhere[refusal.code] then error(result, 0) end
      ctx.step.note(("%s ends elsewhere: it is synchronized"):format(host))
      local report = copying.run()
      is_copied = true
      startrep(ctx, host, checkpoint)
      ctx.rds:checkdelete(checkpoint)
      return report
    end,
  }
end

-- Names of the checkpoints of further Secondaries: the name that was given, then NAME_2 and so on.
function M.checkpoint_name(name, index)
  return index == 1 and name or ("%s_%d"):format(name:sub(1, 19 - #tostring(index) - 1), index)
end

-- Preflight of a later synchronization from `home`: the checkpoint's name is free there.
function M.check_further(ctx, check, host, checkpoint, home)
  if check.set.open ~= home or attached(ctx, host, home) then return end
  check:checkpoint(checkpoint, is_own(ctx, "synchronize-" .. host))
end

-- Says which hosts besides `away` nothing replicates to.
function M.tell_left_out(ctx, home, away)
  local run = running.of(ctx)
  if run.is_plan or run.is_outline then return end
  local ok, set = pcall(scenes.of, ctx)
  for _, name in ipairs(ok and set.names or {}) do
    local link = set.open == home and scenes.link(set.members[home], name)
    if link and link.kstate == "DETACHED" and name ~= away then
      ctx.step.note(("note: nothing replicates to %s; it is brought along by: "
        .. "homeward run failback-difference-multi home=%s"):format(name, home))
    end
  end
end

-- Preflight of a synchronization of `host`: the checkpoint's name, room in the log, and what would be asked.
function M.check_synchronization(ctx, check, host, checkpoint)
  local set = check.set
  if attached(ctx, host) then return end
  check:checkpoint(checkpoint, is_own(ctx, "synchronize"))
  check:log_size(ctx.params.sync_speed)
  for _, name in ipairs(set.names) do
    local other = set.members[name]
    if name ~= host and name ~= set.open and other.reachable and other.consistent then return end
  end
  if set.members[host] and set.members[host].consistent then
    check:question(("until %s is up-to-date no consistent copy but that of %s exists: go on? (--yes answers it)")
      :format(host, set.open))
  end
end

return M
