-- Moves the role Primary to a Secondary, as planned: both hosts are up.
--
-- Start:    the Primary is open, replication runs to `to`.
-- End:      `to` is the Primary, the application runs there, replication runs back to the old Primary and to those
--           further Secondaries to which it ran before.
-- Outage:   from stop-application to start-application; only what is on its way has to arrive meanwhile.
-- Again:    it may be started again from wherever it ended; what is done is not done twice.
-- Yours:    stop_application, start_application and hooks before, after and instead of each step in a site file; or
--           homeward runbooks new our-migrate --from migrate

local hw = require("homeward")
local application = require("homeward.application")
local inference = require("homeward.inference")
local replication = require("homeward.replication")
local roles = require("homeward.roles")

local M = hw.runbook{
  summary = "moves the role Primary to a Secondary, with the application",
  parameters = {
    dg = inference.dg(),
    rvg = inference.rvg(),
    to = inference.to(),
    secondaries = inference.attached(),
    checkpoint = inference.checkpoint("checkpt"),
    on_failure = inference.on_failure,
  },
}

function M.preflight(ctx, check)
  local to = ctx.params.to
  if not check:one_primary() or not check:reachable{ to } then return end
  check:reachable(ctx.params.secondaries)
  check:versions{ check.set.open, to }
  if check.set.open ~= to then
    check:attached(to)
    check:links_flow()
  end
end

function M.run(ctx)
  local step, to, from = ctx.step, ctx.params.to, roles.from(ctx)
  local there = roles.called(from)

  local function under(action) return roles.under(ctx, from, to, action) end

  step("stop-application", ("Stop the application on %s"):format(there), under(application.stop(ctx, from, to)))
  step("await-up-to-date", ("Wait until %s has everything"):format(to),
    under(replication.await(ctx, to, ctx.params.secondaries)))
  step("migrate", ("Move the role Primary from %s to %s"):format(there, to), under(roles.migrate(ctx, to)))
  local started = {}
  for i, name in ipairs(ctx.params.secondaries) do
    step("start-replication-" .. name, ("Start replication to %s"):format(name),
      replication.resume(ctx, name, replication.checkpoint_name(ctx.params.checkpoint, i), to))
    if replication.is_started(ctx, name, to) then started[#started + 1] = name end
  end
  step("start-application", ("Start the application on %s"):format(to), application.start(ctx, to))
  replication.require_started(ctx, started, to, from)
end

return M
