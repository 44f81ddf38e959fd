-- Fails back to the original Primary by difference-based synchronization (Example 3 of the chapter).
--
-- Start:    `home`, the original Primary, was lost; another host took over without fast failback and is the Primary;
--           `home` is up again, and none of its volumes is open.
-- End:      `home` is the Primary, the application runs there, replication runs back to the host that stood in.
-- Outage:   from stop-application to start-application. outage=short starts replication before the application is
--           stopped, so that what was written since the synchronization goes over while it still runs.
-- Again:    it may be started again from wherever it ended; what is done is not done twice.
-- Yours:    stop_application, start_application and hooks before, after and instead of each step in a site file; or
--           homeward runbooks new our-failback --from failback-difference

local hw = require("homeward")
local application = require("homeward.application")
local inference = require("homeward.inference")
local replication = require("homeward.replication")
local roles = require("homeward.roles")

local M = hw.runbook{
  summary = "brings the role Primary back to the original Primary, copying only what differs",
  parameters = {
    dg = inference.dg(),
    rvg = inference.rvg(),
    home = inference.home(),
    checkpoint = inference.checkpoint("checkpt_presync"),
    outage = {
      type = "string", default = "long", choices = { "long", "short" },
      help = "short starts replication before the application is stopped, long after, as the chapter",
    },
    discard_unsent = inference.discard_unsent,
    on_failure = inference.on_failure,
    sync_speed = inference.sync_speed,
  },
}

function M.preflight(ctx, check)
  local home, away = ctx.params.home, roles.away(ctx)
  local is_up, one = check:reachable{ home }, check:one_primary()
  if not is_up or not one or check.set.open == home then return end
  check:versions{ home, away }
  check:links_flow(home)
  roles.check_home(ctx, check, home)
  replication.check_synchronization(ctx, check, home, ctx.params.checkpoint)
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
  step("await-up-to-date", ("Wait until %s has everything"):format(home), under(replication.await(ctx, home)))
  step("migrate", ("Move the role Primary from %s to %s"):format(there, home), under(roles.migrate(ctx, home)))
  replication.tell_left_out(ctx, home, away)
  step("start-application", ("Start the application on %s"):format(home), application.start(ctx, home))
  replication.require_started(ctx, {}, home, away)
end

return M
