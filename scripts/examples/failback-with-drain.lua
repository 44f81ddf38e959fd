-- A runbook of a site: failback-difference, copied and edited.
--
-- What it does: as failback-difference, and besides takes the traffic off the application before it is stopped, and
--               gives it back when it has answered on the original Primary. The steps drain-traffic, check-application
--               and return-traffic are new; the steps between them are those of the original. A run that ends before
--               its time gives the traffic back too: the application is then started again where the Primary is.
-- To use it:    homeward runbooks new our-failback --from failback-difference makes such a copy of your own; or copy
--               this file to ~/.config/homeward/runbooks, put the names of your balancer's commands below, and
--                 homeward runbooks check failback-with-drain
--                 homeward run failback-with-drain --plan
-- A site file for it may name the new steps too, if it has: steps = { "drain_traffic", … }.

local hw = require("homeward")
local application = require("homeward.application")
local inference = require("homeward.inference")
local replication = require("homeward.replication")
local roles = require("homeward.roles")

local M = hw.runbook{
  summary = "brings the role Primary back to the original Primary, with the traffic drained meanwhile",
  parameters = {
    dg = inference.dg(),
    rvg = inference.rvg(),
    home = inference.home(),
    checkpoint = inference.checkpoint("checkpt_presync"),
    service = { type = "string", default = "billing", help = "the service as the balancer names it" },
    drain_seconds = { type = "integer", default = 30, help = "seconds that requests under way get to end" },
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

-- The balancer's commands run where the runbook runs, so there is no `on`.
local function balancer(...) return hw.sh{ "balancer", ... } end

-- Asks the application until it answers; ten tries are enough for one that starts in a minute.
local function answers(host, service)
  for _ = 1, 10 do
    local answer = hw.sh{ "curl", "--fail", "--silent", ("http://%s/%s/health"):format(host, service), check = false }
    if answer.code == 0 or answer.planned then return end
    hw.sleep(6)
  end
  hw.fail{ code = "command-failed", host = host, object = service,
    message = "it does not answer a minute after its start",
    hint = ("curl http://%s/%s/health"):format(host, service) }
end

function M.run(ctx)
  local step = ctx.step
  local home, away, checkpoint = ctx.params.home, roles.away(ctx), ctx.params.checkpoint
  local service, there = ctx.params.service, roles.called(away)
  local is_drained = false

  local function under(action) return roles.under(ctx, away, home, action) end

  -- Also when the run fails or is interrupted. The balancer itself waits for an application that does not answer yet.
  local _ <close> = setmetatable({}, { __close = function()
    if is_drained then balancer("resume", service) end
  end })

  step("makesec", ("Make %s a Secondary of %s"):format(home, there), under(roles.makesec(ctx, home, away)))
  step("synchronize", ("Copy what differs from %s to %s; the application runs"):format(there, home),
    under(replication.synchronize(ctx, home, checkpoint)))
  -- Called again it changes nothing, so it needs no `done`.
  step("drain-traffic", ("Send no more requests to %s"):format(service), function()
    is_drained = true
    balancer("drain", service)
    if not roles.is_primary(ctx, home) then hw.sh{ "sleep", ctx.params.drain_seconds } end
  end)
  step("stop-application", ("Stop the application on %s"):format(there), under(application.stop(ctx, away, home)))
  step("start-replication", ("Start replication to %s"):format(home), under(replication.start(ctx, home, checkpoint)))
  step("await-up-to-date", ("Wait until %s has everything"):format(home), under(replication.await(ctx, home)))
  step("migrate", ("Move the role Primary from %s to %s"):format(there, home), under(roles.migrate(ctx, home)))
  replication.tell_left_out(ctx, home, away)
  step("start-application", ("Start the application on %s"):format(home), application.start(ctx, home))
  step("check-application", ("See that %s answers on %s"):format(service, home), function() answers(home, service) end)
  step("return-traffic", ("Send requests to %s again"):format(home), function()
    balancer("point", service, home)
    balancer("resume", service)
    is_drained = false
  end)
  replication.require_started(ctx, {}, home, away)
end

return M
