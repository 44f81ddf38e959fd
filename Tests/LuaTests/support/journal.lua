-- The module `homeward.engine` on the model: its journal, and people who answer.

local models = require("support.model")

local M = {}

-- The module `homeward.engine`.
function M.new(model)
  local engine = {}

  local function run_of(id)
    for _, run in ipairs(model.runs) do
      if run.id == id then return run end
    end
    return models.refuse("unknown-run", id)
  end

  function engine.begin_run(given)
    return model:request("begin_run", function()
      for _, other in ipairs(model.runner_lives and given.parameters.rvg and model.runs or {}) do
        local values = other.state == "running" and other.parameters or {}
        if values.dg == given.parameters.dg and values.rvg == given.parameters.rvg then
          models.refuse("run-in-progress", ("run %s is at work"):format(other.id))
        end
      end
      local run = models.copy(given)
      run.id, run.state, run.steps, run.started = ("run-%d"):format(#model.runs + 1), "running", {}, model.clock
      run.parameters = run.parameters or {}
      model.runs[#model.runs + 1] = run
      return run.id
    end)
  end
  function engine.begin_step(id, step, title)
    return model:request("begin_step", function()
      local run = run_of(id)
      run.steps[#run.steps + 1] = { id = step, title = title, state = "running", started = model.clock }
    end, step)
  end
  function engine.end_step(id, step, state, detail)
    return model:request("end_step", function()
      for _, entry in ipairs(run_of(id).steps) do
        if entry.id == step then entry.state, entry.detail, entry.ended = state, models.copy(detail), model.clock end
      end
    end, step)
  end
  function engine.end_run(id, state, detail)
    return model:request("end_run", function()
      local run = run_of(id)
      run.state, run.detail, run.ended = state, models.copy(detail), model.clock
    end)
  end
  function engine.own_run()
    return model:request("own_run", function()
      local run = model.runs[#model.runs]
      return run and run.state == "running" and not run.is_theirs and run.id or nil
    end)
  end
  function engine.last_run(runbook, before)
    return model:request("last_run", function()
      local is_older = before == nil
      for i = #model.runs, 1, -1 do
        local run = model.runs[i]
        if is_older and run.runbook == runbook then return models.copy(run) end
        is_older = is_older or run.id == before
      end
      return nil
    end)
  end
  function engine.left_commands() return models.copy(model.left or {}) end
  function engine.finish_command(command)
    return model:request("finish_command", function()
      for i, left in ipairs(model.left) do
        if left.entry == command.entry then
          table.remove(model.left, i)
          if left.does then left.does() end
          return
        end
      end
    end)
  end
  function engine.ask(text, options)
    return model:request("ask", function()
      model.questions[#model.questions + 1] = text
      if model.yes and options and options.assumed then return options.assumed end
      return table.remove(model.answers, 1)
    end)
  end
  -- Which run it is matters to the program around the engine alone.
  function engine.is_run() end
  function engine.planning(on) model.is_planning = on end
  function engine.is_planning() return model.is_planning or false end
  function engine.planned()
    local list = model.planned
    model.planned = {}
    return list
  end
  function engine.elsewhere()
    local noted, asked, list = model.noted, {}, {}
    model.noted = {}
    if #noted == 0 then return list end
    return model:request("elsewhere", function()
      for _, command in ipairs(noted) do
        if not asked[command.host] and not model:is_here(command.host) then
          list[#list + 1] = models.not_here(command.host, command.line)
        end
        asked[command.host] = true
      end
      return list
    end)
  end
  function engine.settings() return { yes = model.yes or false, terminal = model.terminal or false, json = false } end
  function engine.say(text) model.said[#model.said + 1] = text end
  function engine.now() return model.clock end
  function engine.monotonic() return model.clock end
  return engine
end

return M
