--- A site file for the lab: its application is `homeward lab load`, in the background.
---
--- What it does:  stops the application when a runbook comes to stop-application, and starts it at start-application.
--- How to use it: homeward run failback-difference --site scripts/examples/site-lab.lua
---                (`homeward` has to be in PATH; in the lab every host is this machine, so `on =` changes nothing here)

local hw = require("homeward")

return {
  stop_application = function(ctx)
    local done = hw.sh { "homeward", "lab", "load", "--stop", on = ctx.host }
    print(("   hook: %s: %s"):format(ctx.host, (done.out:gsub("\n.*", ""))))
  end,

  start_application = function(ctx)
    local done = hw.sh {
      "homeward", "lab", "load", "--detach", "--seconds", "600", "--rate", "1000",
      on = ctx.host,
      timeout = 30,
    }
    print(("   hook: %s: %s"):format(ctx.host, (done.out:gsub("\n.*", ""))))
  end,
}
