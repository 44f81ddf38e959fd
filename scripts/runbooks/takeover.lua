-- Takes the role Primary over on a Secondary after the Primary was lost.
--
-- Start:    the Primary does not answer; one or more Secondaries do.
-- End:      `to` is the Primary, the application runs there. Nothing replicates: other Secondaries, and the old Primary
--           when it is back, are brought under it by failback-difference or failback-difference-multi.
-- Lost:     updates that never reached `to`. The step shows for each Secondary what it holds and what is known to be
--           missing; a Secondary that holds less than another is refused unless worse=yes.
-- Again:    it may be started again from wherever it ended; what is done is not done twice.
-- Yours:    start_application and hooks before, after and instead of each step in a site file; or
--           homeward runbooks new our-takeover --from takeover

local hw = require("homeward")
local application = require("homeward.application")
local inference = require("homeward.inference")
local ranking = require("homeward.ranking")

local M = hw.runbook{
  summary = "takes the role Primary over on a Secondary after the Primary was lost",
  parameters = {
    dg = inference.dg(),
    rvg = inference.rvg(),
    to = ranking.parameter(),
    worse = {
      type = "boolean", default = false, fresh = true,
      help = "takes over although another Secondary holds more",
    },
    on_failure = inference.on_failure,
  },
}

function M.preflight(ctx, check)
  if check:reachable{ ctx.params.to } then ranking.check(ctx, check, ctx.params.to, ctx.params.worse) end
end

function M.run(ctx)
  local step, to = ctx.step, ctx.params.to

  step("takeover", ("Take the role Primary over on %s"):format(to), ranking.takeover(ctx, to, ctx.params.worse))
  step("start-application", ("Start the application on %s"):format(to), application.start(ctx, to))
end

return M
