-- The module homeward against hosts that live: a lab (homeward exec FILE) or the engines of one process.
--
-- It needs one RVG with an open Primary, all its Secondaries up-to-date and none of its volumes open, and leaves it so.
-- Raises what does not hold, all of it at once.

local hw = require("homeward")
local t = require("support.harness")
local describe, it = t.describe, t.it

local set = hw.status()[1]
local rds = hw.rds(set.dg, set.rvg)
local primary = set.primary
local secondary = set.links[1].secondary
local on_primary, on_secondary = rds:on(primary), rds:on(secondary)
local volume = on_primary:volumes()[1]
local other = hw.host(secondary):volume(set.dg, volume.name)

-- A block that no other test wrote, and no lab's application.
local block = 0
local function fresh()
  block = block + 1
  return block * 65536, ("%08d"):format(block):rep(512)
end

local function write(session)
  local offset, data = fresh()
  session:write(offset, data)
  session:flush()
  return offset, data
end

describe("the RDS", function()
  it("is told as data", function()
    local status = rds:status()
    t.equal(status.rvg, set.rvg)
    t.equal(status.primary, primary)
    t.equal(#status.hosts, #status.links + 1)
    for _, link in ipairs(status.links) do
      t.equal({ link.data_status, link.behind.updates, link.consistent }, { "up-to-date", 0, true }, link.secondary)
    end
    local names = {}
    for i, host in ipairs(hw.hosts()) do names[i] = host.name end
    t.equal(#names, #status.hosts)
    t.contains(table.concat(names, " "), primary)
    t.equal(rds:repstatus().primary, primary)
    t.equal(hw.host(primary):status().name, primary)
  end)

  it("has volumes and links that are objects", function()
    t.equal(tostring(volume), volume.name)
    t.truthy(#hw.host(primary):dg(set.dg):volumes() > #on_primary:volumes(), "the log is a volume too")
    local link = on_primary:rlinks()[1]
    t.equal(link:status().data_status, "up-to-date")
    local updates = on_secondary:rlinks()[1]:updates()
    t.equal(updates.secondary_id, updates.primary_id)
  end)
end)

describe("a volume", function()
  it("is written, flushed and read through its door, and follows on the Secondary", function()
    local offset, data
    do
      local session <close> = volume:open()
      t.equal(session.size, 0 | session.size)
      offset, data = write(session)
      t.equal(session:read(offset, #data), data)
      t.equal(#session:read(session.size - 10, 10), 10)
      t.raises("io-error", function() session:read(session.size - 10, 11) end)
    end
    rds:await(secondary)
    local copy <close> = other:open{ readonly = true }
    t.equal(copy:read(offset, #data), data)
    t.equal(volume:sha256(), other:sha256())
    t.equal(volume:sum().size, copy.size)
  end)

  it("opens for writing on the Primary alone, and a session that is closed is closed", function()
    t.raises("not-primary", function() other:open() end)
    local session = volume:open()
    session:close()
    session:close()
    t.raises("session-closed", function() session:read(0, 1) end)
  end)

  it("that is open keeps the role where it is", function()
    local session <close> = volume:open()
    local raised = t.raises("volume-open", function() rds:migrate(secondary) end)
    t.truthy(raised.hint ~= "" and raised.host ~= nil)
    t.equal(rds:status().primary, primary)
    session:close()
  end)
end)

describe("a checkpoint", function()
  it("is started, finished, listed and deleted", function()
    local checkpoint = rds:checkpoint("spec")
    t.equal(checkpoint:info(), nil)
    checkpoint:start()
    t.equal(checkpoint:info().state, "started")
    t.truthy(checkpoint:start().already)
    checkpoint:finish()
    t.equal(rds:cplist()[1].state, "completed")
    t.equal(on_primary:cplist()[1].name, "spec")
    checkpoint:delete()
    t.equal(#rds:cplist(), 0)
    t.raises("bad-name", function() rds:checkstart(("x"):rep(20)) end)
  end)
end)

describe("replication", function()
  it("is paused and goes on", function()
    rds:pauserep(secondary)
    do
      local session <close> = volume:open()
      write(session)
    end
    t.equal(rds:status().links[1].behind.updates > 0, true)
    t.truthy(rds:pauserep(secondary).already)
    rds:resumerep(secondary)
    t.equal(rds:await(secondary).data_status, "up-to-date")
  end)

  it("is stopped, and comes back by what differs", function()
    rds:stoprep(secondary)
    t.truthy(rds:stoprep(secondary).already)
    t.raises("link-detached", function() rds:await(secondary) end)
    do
      local session <close> = volume:open()
      write(session)
    end
    local seen = {}
    local report = rds:syncrvg(secondary, {
      checkpoint = "spec", consent = true, on_progress = function(progress) seen[#seen + 1] = progress.phase end,
    })
    t.truthy(report.bytes_differing > 0 and report.bytes_sent >= report.bytes_differing)
    t.truthy(report.bytes_compared >= report.bytes_differing)
    t.equal(report.secondaries[1].secondary, secondary)
    t.raises("bad-argument", function() rds:startrep(secondary, {}) end)
    rds:startrep(secondary, { checkpoint = "spec" })
    t.equal(rds:await(secondary).consistent, true)
    rds:checkdelete("spec")
  end)

  it("is compared", function()
    rds:pauserep(secondary)
    local report = rds:verify(secondary)
    rds:resumerep(secondary)
    t.equal({ report.identical, report.bytes_differing }, { true, 0 })
    rds:await(secondary)
  end)

  it("takes settings by their names", function()
    rds:set({ synchronous = "override" }, secondary)
    do
      local session <close> = volume:open()
      write(session)
    end
    rds:set({ synchronous = "off" }, secondary)
    local raised = t.raises("bad-argument", function() rds:set({ synchronus = "off" }, secondary) end)
    t.contains(raised.hint, "synchronous")
  end)
end)

describe("the role", function()
  it("moves and comes home", function()
    rds:migrate(secondary)
    t.equal(rds:status().primary, secondary)
    t.truthy(rds:migrate(secondary).already)
    rds:await(primary)
    rds:migrate(primary)
    t.equal(rds:status().primary, primary)
    -- Nothing was written meanwhile, so that further Secondaries, which a migrate leaves behind, are identical.
    for _, link in ipairs(rds:status().links) do
      rds:startrep(link.secondary, { identical = true })
      rds:await(link.secondary)
    end
  end)

  it("is not taken from a Primary that answers, and not given up by one that nobody took over from", function()
    t.raises("primary-reachable", function() on_secondary:takeover() end)
    local raised = t.raises("not-primary", function() on_primary:makesec(secondary) end)
    t.truthy(raised.hint ~= "")
    t.equal(rds:status().primary, primary)
  end)
end)

describe("what is wrong", function()
  it("is named", function()
    t.contains(t.raises("bad-argument", function() return rds.migrat end).hint, "migrate")
    t.raises("bad-argument", function() hw.host("") end)
    t.raises("unknown-volume", function() hw.host(primary):volume(set.dg, "nothing"):open() end)
    t.raises("unknown-rvg", function() hw.rds(set.dg, "nothing"):status() end)
    local raised = t.raises("unknown-secondary", function() rds:await("atlantis") end)
    t.contains(tostring(raised), "[unknown-secondary]")
  end)
end)

describe("several at once", function()
  it("run beside each other, and are bounded", function()
    local a, b = hw.parallel{ function() return volume:sha256() end, function() return other:sha256() end }
    t.equal(a, b)
    t.raises("timed-out", function() hw.timeout(0.05, function() hw.sleep(60) end) end)
  end)
end)

local results = t.results()
for _, failure in ipairs(results.failures) do print(("%s: %s"):format(failure.name, failure.message)) end
if #results.failures > 0 then error(("%d do not hold"):format(#results.failures)) end
print(results.passed .. " hold")
return results.passed
