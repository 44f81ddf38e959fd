-- The site file: what a site adds to the runbooks.

local book = require("homeward.book")
local failures = require("homeward.failures")
local hw = require("homeward")
local words = require("homeward.words")

local M = {}

M.keys = { "stop_application", "start_application", "before", "after", "instead", "steps" }

-- Steps of the bundled runbooks, whose hooks a site file may have whichever runbook is run; NAME is a host.
M.bundled_steps = {
  "makesec", "synchronize", "stop-application", "start-replication", "await-up-to-date", "migrate",
  "start-application", "takeover", "create-primary", "add-secondary-NAME", "synchronize-NAME",
  "start-replication-NAME", "await-up-to-date-NAME",
}

local function bad(chunk, message, hint)
  return { code = "bad-site-file", object = chunk, message = message, hint = hint }
end

local function matches(id, known)
  for _, name in ipairs(known) do
    if name == id then return true end
    local stem = name:match("^(.*)NAME$")
    if stem and id:sub(1, #stem) == stem and #id > #stem then return true end
  end
  return false
end

local function check_hooks(chunk, key, hooks, known, problems)
  if type(hooks) ~= "table" then
    problems[#problems + 1] = bad(chunk, ("%s is a %s"):format(key, type(hooks)),
      ("%s = { migrate = function(ctx) … end }"):format(key))
    return
  end
  for _, name in ipairs(words.keys(hooks)) do
    local id = words.kebab(tostring(name))
    local example = ("%s = { migrate = function(ctx) … end }"):format(key)
    if not matches(id, known) then
      problems[#problems + 1] = bad(chunk, ("%s.%s: no step has the id %s%s"):format(key, name, id,
        words.suggestion(id, known)), "the steps: homeward runbooks show NAME; of a runbook of your own, say"
        .. (' steps = { "%s" }'):format(id))
      problems[#problems].step, problems[#problems].name, problems[#problems].group = id, name, key
    elseif type(hooks[name]) ~= "function" then
      problems[#problems + 1] = bad(chunk, ("%s.%s is a %s"):format(key, name, type(hooks[name])), example)
      problems[#problems].name, problems[#problems].group = name, key
    elseif key == "instead" and (id == "stop-application" or id == "start-application") then
      problems[#problems + 1] = bad(chunk, ("instead.%s: this step is the site's own anyway"):format(name),
        ("put the function at the top of the file: %s = function(ctx) … end"):format(words.kebab(name):gsub("-", "_")))
      problems[#problems].name, problems[#problems].group = name, key
    end
  end
end

-- What is wrong with the table of a site file: a list of errors that are not raised. `ids` are the runbook's steps.
function M.problems(site, chunk, ids)
  if type(site) ~= "table" then
    return { bad(chunk, ("it returns a %s and no table"):format(site == nil and "nothing" or type(site)),
      "return { stop_application = function(ctx) … end, … }") }
  end
  local problems, known = {}, {}
  for _, list in ipairs{ ids or {}, M.bundled_steps, type(site.steps) == "table" and site.steps or {} } do
    for _, id in ipairs(list) do known[#known + 1] = words.kebab(tostring(id)) end
  end
  for _, key in ipairs(words.keys(site)) do
    if key == "before" or key == "after" or key == "instead" then
      check_hooks(chunk, key, site[key], known, problems)
    elseif key == "steps" then
      if type(site.steps) ~= "table" then
        problems[#problems + 1] = bad(chunk, "steps is no list", 'steps = { "drain-traffic" }')
      end
    elseif key == "stop_application" or key == "start_application" then
      if type(site[key]) ~= "function" then
        problems[#problems + 1] = bad(chunk, ("%s is a %s"):format(key, type(site[key])),
          ("%s = function(ctx) … end"):format(key))
        problems[#problems].name = key
      end
    else
      problems[#problems + 1] = bad(chunk, ("there is no key %s%s"):format(tostring(key),
        words.suggestion(tostring(key), M.keys)), "the keys are " .. table.concat(M.keys, ", "))
      problems[#problems].name = tostring(key)
    end
  end
  if type(site.stop_application) == "function" and site.start_application == nil then
    problems[#problems + 1] = bad(chunk, "stop_application has no start_application beside it: what it ends stays down",
      "start_application = function(ctx) … end; where something else starts it, a function that waits for that")
    problems[#problems].name = "stop_application"
  end
  return problems
end

-- Runs the text of a site file and returns its table, unchecked.
function M.chunk(file) return book.chunk(file.source, file.chunk, { hw = hw }) end

local Site = {}
Site.__index = Site

-- The hooks of a site; nil without a file is a site without hooks. Raises `bad-site-file`, all problems in one.
function M.load(file, ids)
  if not file then return setmetatable({ hooks = {} }, Site) end
  local site = M.chunk(file)
  local problems = M.problems(site, file.chunk, ids)
  if #problems > 0 then
    local lines = {}
    for i, problem in ipairs(problems) do lines[i] = problem.message end
    failures.raise(bad(file.chunk, table.concat(lines, "; "), problems[1].hint))
  end
  return setmetatable({ chunk = file.chunk, hooks = site }, Site)
end

-- The hook of a kind (`before`, `after`, `instead`) for a step; nil when there is none.
function Site:hook(kind, id)
  for _, name in ipairs(words.keys(self.hooks[kind] or {})) do
    if words.kebab(name) == id then return self.hooks[kind][name] end
  end
  return nil
end

-- The function at the top of the file: `stop-application`, `start-application`.
function Site:own(name)
  local hook = self.hooks[name:gsub("-", "_")]
  return type(hook) == "function" and hook or nil
end

return M
