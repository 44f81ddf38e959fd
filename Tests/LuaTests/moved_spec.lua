-- The role moves by somebody else's hand while a run is at work.

local sandbox = require("support.sandbox")
local scenes = require("support.scenes")
local t = require("support.harness")
local describe, it = t.describe, t.it

describe("another host that takes over in the middle of a run", function()
  for _, case in ipairs{ { "failback-difference", "syncrvg" }, { "failback-difference-multi", "syncrvg" } } do
    it(("ends %s, which began under the one before"):format(case[1]), function()
      local model = scenes.after_takeover{ hosts = { "seattle", "london", "tokyo" } }
      local asked = 0
      model.fail = function(request)
        if request == "begin_run" then
          scenes.usurp(model)
          local seattle = model.hosts.seattle
          seattle.role, seattle.state, seattle.follows = "secondary", "enabled", "tokyo"
        end
        asked = asked + (request == case[2] and 1 or 0)
        return nil
      end
      local raised = t.raises("not-primary", function() sandbox.run(model, case[1], { home = "seattle" }) end)
      t.contains(raised.message, "tokyo is the Primary now, and this run began under london")
      t.equal(asked, 0)
      t.equal(model:runs_on(), { "london" })
    end)
  end
end)

describe("a role that is at home when a run begins, and is lost then", function()
  for _, case in ipairs{ { "failback-difference", "home" }, { "failback-difference-multi", "home" },
    { "migrate", "to" } } do
    it(("ends %s, which nobody has told from where to bring it"):format(case[1]), function()
      local model = scenes.healthy{ hosts = { "seattle", "london", "tokyo" } }
      local asked = {}
      model.fail = function(request)
        if request == "begin_run" then model:crash("seattle") end
        if request == "makesec" or request == "migrate" then asked[#asked + 1] = request end
        return nil
      end
      local raised = t.raises("not-primary", function()
        sandbox.run(model, case[1], { [case[2]] = "seattle" })
      end)
      t.equal(asked, {})
      t.contains(raised.message, "seattle was the Primary when this run began")
      t.contains(raised.hint, "homeward status")
      t.equal(table.concat(model.said, "\n"):find("nil", 1, true), nil)
    end)
  end
end)

return t.results()
