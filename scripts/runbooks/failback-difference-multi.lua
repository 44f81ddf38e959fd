-- Fails back to the original Primary where there are further Secondaries (Example 4 of the chapter).
--
-- Start:    `home`, the original Primary, was lost; another host took over without fast failback and is the Primary;
--           `home` and the further Secondaries are up, and no volume of `home` is open.
-- End:      `home` is the Primary, the application runs there, replication runs to the host that stood in and to each
--           further Secondary.
-- Outage:   from stop-application to start-application. As in the chapter the further Secondaries are synchronized
--           within it; start_first=yes starts the application before that, and outage=short starts replication to
--           `home` while the application still runs.
-- Again:    it may be started again from wherever it ended; what is done is not done twice.
-- Yours:    stop_application, start_application and hooks before, after and instead of each step in a site file; or
--           homeward runbooks new our-failback --from failback-difference-multi

local hw = require("homeward")
local application = require("homeward.application")
local inference = require("homeward.inference")
local replication = require("homeward.replication")
local roles = require("homeward.roles")

local M = hw.runbook{
  summary = "brings the role Primary back to the original Primary, and all further Secondaries with it",
  parameters = {
    dg = inference.dg(),
    rvg = inference.rvg(),
    home = inference.home(),
    secondaries = inference.secondaries(),
    checkpoint = inference.checkpoint("checkpt_presync"),
    checkpoint_further = inference.checkpoint("checkpt"),
    outage = {
      type = "string", default = "long", choices = { "long", "short" },
      help = "short starts replication before the application is stopped, long after, as the chapter",
    },
    start_first = {
      type = "boolean", default = false,
      help = "starts the application before the further Secondaries are synchronized",
    },
    discard_unsent = inference.discard_unsent,
    on_failure = inference.on_failure,
    sync_speed = inference.sync_speed,
  },
}

function M.preflight(ctx, check)
  local home, away, further = ctx.params.home, roles.away(ctx), ctx.params.secondaries
  local is_up, all_up, one = check:reachable{ home }, check:reachable(further), check:one_primary()
  if not is_up or not one then return end
  if all_up then check:versions{ home, away, table.unpack(further) } end
  check:no_old_primary(further)
  for i, name in ipairs(further) do
    replication.check_further(ctx, check, name, replication.checkpoint_name(ctx.params.checkpoint_further, i), home)
  end
  if check.set.open == home then return end
  check:links_flow(home)
  roles.check_home(ctx, check, home)
  replication.check_synchronization(ctx, check, home, ctx.params.checkpoint)
end

-- Returns those to which replication is started.
local function further_secondaries(ctx, home)
  local started = {}
  for i, name in ipairs(ctx.params.secondaries) do
    local checkpoint = replication.checkpoint_name(ctx.params.checkpoint_further, i)
    ctx.step("synchronize-" .. name, ("Copy what differs from %s to %s"):format(home, name),
      replication.synchronize(ctx, name, checkpoint, home))
    ctx.step("start-replication-" .. name, ("Start replication to %s"):format(name),
      replication.start_and_forget(ctx, name, checkpoint, home))
    if replication.is_started(ctx, name, home) then started[#started + 1] = name end
  end
  return started
end

function M.run(ctx)
  local step = ctx.step
  local home, away, checkpoint = ctx.params.home, roles.away(ctx), ctx.params.checkpoint
  local short, there = ctx.params.outage == "short", roles.called(away)

  local function under(action) return roles.under(ctx, away, home, action) end

  step("makesec", ("Make %s a Secondary of %s"):format(home, there), under(roles.makesec(ctx, home, away)))
  step("synchronize", ("Copy what differs from %s to %s; the application runs"):format(there, home),
    under(replication.synchronize(ctx, home, checkpoint)))
  if short then
    step("start-replication", ("Start replication to %s; the application still runs"):format(home),
      under(replication.start_early(ctx, home, checkpoint)))
  end
  step("stop-application", ("Stop the application on %s"):format(there), under(application.stop(ctx, away, home)))
  if not short then
    step("start-replication", ("Start replication to %s"):format(home),
      under(replication.start(ctx, home, checkpoint)))
  end
  step("await-up-to-date", ("Wait until %s has everything"):format(home),
    under(replication.await(ctx, home, ctx.params.secondaries)))
  step("migrate", ("Move the role Primary from %s to %s"):format(there, home), under(roles.migrate(ctx, home)))

  local started = not ctx.params.start_first and further_secondaries(ctx, home)
  step("start-application", ("Start the application on %s"):format(home), application.start(ctx, home))
  started = started or further_secondaries(ctx, home)
  replication.require_started(ctx, started, home, away)
end

return M
