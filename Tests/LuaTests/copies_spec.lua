-- Checkpoints and copies: whose they are, and who says that they are good.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

describe("a checkpoint that somebody else made", function()
  it("is not deleted by a run that finds nothing to do", function()
    for _, case in ipairs{ { "migrate", { to = "london" } }, { "failback-difference-multi", {} } } do
      local name, arguments = table.unpack(case)
      local model = name == "migrate" and scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
        or scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
      sandbox.run(model, name, arguments)
      model:revive()
      model:open_primary().checkpoints.checkpt = { state = "completed", targets = {} }
      pcall(sandbox.run, model, name, arguments)
      t.truthy(model:open_primary().checkpoints.checkpt, name)
    end
  end)
end)

describe("a copy that was made by hand", function()
  it("is asked for before replication is started with it, and taken where nobody is asked", function()
    for _, answers in ipairs{ { "yes", "yes" }, {} } do
      local model = scenes.after_takeover()
      model.answers, model.yes = answers, #answers == 0
      model.fail = function(request, _, options)
        return request == "startrep" and not options.consent
          and { code = "needs-consent", message = "the copy was made by hand. Go on?" } or nil
      end
      sandbox.run(model, "failback-difference")
      t.contains(table.concat(model.questions, "\n"), "made by hand")
      scenes.ends(model, "seattle", { "london" })
    end
  end)

  local function unsure(terminal)
    local model = scenes.after_takeover()
    -- The first question is that of the synchronization.
    model.answers, model.terminal = { "yes" }, terminal
    model.fail = function(request, _, options)
      return request == "startrep" and not options.consent
        and { code = "needs-consent", message = "the copy was made by hand. Go on?" } or nil
    end
    return model
  end

  it("is not taken where the question is not answered at a terminal", function()
    local model = unsure(true)
    local raised = t.raises("needs-consent", function() sandbox.run(model, "failback-difference") end)
    t.contains(raised.message, "the copy was made by hand. It was not answered")
    t.contains(raised.hint, "nothing was begun")
    t.equal(model:open_primary().name, "london")
    t.equal(model:runs_on(), { "london" })
  end)

  it("is taken where there is no terminal, and that is told", function()
    local model = unsure(false)
    sandbox.run(model, "failback-difference")
    t.contains(table.concat(model.said, "\n"), "note: the copy was made by hand.")
    scenes.ends(model, "seattle", { "london" })
  end)
end)

describe("the checkpoint of a run", function()
  it("is not one whose name somebody took before it was made", function()
    local model = scenes.after_takeover()
    local theirs = { state = "completed", targets = {} }
    model.fail = function(request)
      if request == "syncrvg" then model:open_primary().checkpoints.checkpt_presync = theirs end
      return nil
    end
    for _, code in ipairs{ "checkpoint-name-in-use", "preflight-failed" } do
      t.raises(code, function() sandbox.run(model, "failback-difference") end)
      t.equal(model:open_primary().checkpoints.checkpt_presync, theirs)
      model:revive()
      model.fail = nil
    end
  end)

  -- Everything is attached, and somebody has made a checkpoint of the name that the runbook would use.
  it("is not one that it found when it skipped the step", function()
    local name = "failback-difference-multi"
    local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
    sandbox.run(model, name)
    model:revive()
    model:open_primary().checkpoints.checkpt = { state = "completed", targets = {} }
    model.running = {}
    for _, fails in ipairs{ true, true, false } do
      model:revive()
      local function refuse() return error({ code = "command-failed", message = "no" }, 0) end
      model.programs = fails and { app = refuse } or nil
      local ok = pcall(sandbox.run, model, name, { home = "seattle" })
      t.equal(ok, not fails)
      t.truthy(model:open_primary().checkpoints.checkpt)
    end
  end)

  it("is deleted though the answer of what came after the copy was lost", function()
    for _, verb in ipairs{ "startrep", "checkdelete" } do
      for _, after in ipairs{ true, false } do
        local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
        local copied, times = false, 0
        model.fail = function(request, host)
          if request == "startrep" and host == "tokyo" and not copied then
            return { code = "not-up-to-date", message = "it ends elsewhere" }
          end
          copied = copied or request == "syncrvg" and host == "tokyo"
          if not copied or request ~= verb or verb == "startrep" and host ~= "tokyo" or times > 0 then return nil end
          times = 1
          return { code = "host-unreachable", message = "the answer was lost", after = after }
        end
        local ok = pcall(sandbox.run, model, "migrate", { to = "london" })
        t.equal(times, 1)
        model:revive()
        model.fail = nil
        if not ok then sandbox.run(model, "migrate") end
        scenes.ends(model, "london", { "seattle", "tokyo" }, verb)
      end
    end
  end)
end)

return t.results()
