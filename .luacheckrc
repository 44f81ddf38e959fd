-- Lua 5.4, as Homeward's own interpreter runs it.
std = "lua54"
max_line_length = 120
-- Runbooks declare their steps by these.
files["scripts/runbooks"] = { read_globals = { "step", "hw" } }
-- The REPL has the module loaded under this name; stubs describe globals that are given.
files["scripts/types"] = { ignore = { "111", "112", "131", "211", "212", "241", "631" } }
files["Tests/LuaTests"] = { read_globals = { "describe", "it", "hw" } }
