-- Sets replication of a disk group's volumes up: a Primary, its Secondaries, and their first synchronization.
--
-- Start:    every host has the disk group with volumes of the same names and lengths, and one for the log.
-- End:      `primary` is the Primary of the RVG, every Secondary is up-to-date.
-- Outage:   none. copy=difference compares and sends what differs while the application runs; copy=none says that
--           the volumes are equal already, as new empty ones are: where that is wrong, Secondaries are corrupt.
-- Again:    it may be started again from wherever it ended; what is done is not done twice.
-- Yours:    hooks before, after and instead of each step in a site file; or
--           homeward runbooks new our-setup --from setup-replication

local hw = require("homeward")
local inference = require("homeward.inference")
local replication = require("homeward.replication")
local setup = require("homeward.setup")

local M = hw.runbook{
  summary = "makes an RVG on a Primary and its Secondaries, and starts replication",
  parameters = {
    primary = { type = "host", help = "the host that has the data now, and becomes Primary" },
    secondaries = setup.secondaries(),
    dg = setup.dg(),
    rvg = setup.rvg(),
    volumes = setup.volumes(),
    srl = setup.srl(),
    copy = {
      type = "string", default = "difference", choices = { "difference", "none" },
      help = "how Secondaries get the data: what differs is sent; or nothing is, since all volumes are equal",
    },
    checkpoint = inference.checkpoint("checkpt_setup"),
  },
}

function M.preflight(ctx, check)
  local hosts = { ctx.params.primary, table.unpack(ctx.params.secondaries) }
  if setup.check_hosts(ctx, check, hosts) then setup.check_volumes(ctx, check, hosts) end
  check:versions(hosts)
end

function M.run(ctx)
  local step, primary = ctx.step, ctx.params.primary

  step("create-primary", ("Make %s the Primary of %s"):format(primary, ctx.params.rvg),
    setup.create_primary(ctx, primary))
  for i, name in ipairs(ctx.params.secondaries) do
    local checkpoint = replication.checkpoint_name(ctx.params.checkpoint, i)
    step("add-secondary-" .. name, ("Add %s as a Secondary"):format(name), setup.add_secondary(ctx, primary, name))
    if ctx.params.copy == "difference" then
      step("synchronize-" .. name, ("Copy what differs from %s to %s"):format(primary, name),
        replication.synchronize(ctx, name, checkpoint, primary))
      step("start-replication-" .. name, ("Start replication to %s"):format(name),
        replication.start_and_forget(ctx, name, checkpoint, primary))
    else
      step("start-replication-" .. name, ("Start replication to %s, whose volumes are equal"):format(name),
        replication.start_identical(ctx, name, primary))
    end
  end
  for _, name in ipairs(ctx.params.secondaries) do
    step("await-up-to-date-" .. name, ("Wait until %s has everything"):format(name), replication.await(ctx, name))
  end
end

return M
