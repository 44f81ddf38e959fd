#include "host.h"

#include <string.h>

/* The libraries of a world, less what leaves it, and our own forms of what could swallow a stop or run too long. */

/* MARK: pcall and xpcall */

/* Stack: the flag, the results. `context`: whether it was begun while unwinding, and two for each value below the flag. */
static int finish_pcall(lua_State *L, int status, lua_KContext context) {
    if (status != LUA_OK && status != LUA_YIELD) {
        pass_stop_on(L, context & 1);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)(context >> 1);
}

static int our_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    lua_KContext context = host_of(L)->unwinding;
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, context, finish_pcall);
    return finish_pcall(L, status, context);
}

/* The handler of a script must not see a stop, and cannot change it into something else. */
static int guarded_handler(lua_State *L) {
    if (is_stop(L, 1)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int our_xpcall(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* function, handler, true, function, arguments */
    lua_KContext context = (2 << 1) | host_of(L)->unwinding;
    int status = lua_pcallk(L, count - 2, LUA_MULTRET, 2, context, finish_pcall);
    return finish_pcall(L, status, context);
}

/* MARK: setmetatable */

static int our_setmetatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return luaL_error(L, "cannot change a protected metatable");
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        /* Nothing can stop a finalizer: the count hook does not run in it. */
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "__gc is not allowed: use a <close> variable and __close");
        }
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* MARK: What may run long without a hook */

static const lua_CFunction *original(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* Notes the line that calls it, for the watchdog, then is the function itself. */
static int noted(lua_State *L) {
    lua_Debug level;
    if (lua_getstack(L, 1, &level)) {
        lua_getinfo(L, "Sl", &level);
        if (level.currentline > 0 && level.source[0] != '=') {
            pulse_place(host_of(L)->pulse, level.source + 1, level.currentline);
        }
    }
    return (*original(L))(L);
}

static void note_calls(lua_State *L, const char *library, const char *const *names) {
    lua_getglobal(L, library);
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_CFunction function = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        lua_CFunction *box = lua_newuserdatauv(L, sizeof *box, 0);
        *box = function;
        lua_pushcclosure(L, noted, 1);
        lua_setfield(L, -2, *names);
    }
    lua_pop(L, 1);
}

/* MARK: Opening */

static void forget(lua_State *L, const char *table, const char *name) {
    lua_getglobal(L, table);
    lua_pushnil(L);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static const char clock_key;

static void open_clock(lua_State *L) {
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
    lua_createtable(L, 0, 2);
    lua_getfield(L, -2, "date");
    lua_setfield(L, -2, "date");
    lua_getfield(L, -2, "time");
    lua_setfield(L, -2, "time");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &clock_key);
    lua_pop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    lua_setfield(L, -2, LUA_OSLIBNAME);
    lua_pop(L, 1);
}

void homeward_lua_push_clock_functions(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &clock_key);
    lua_pushliteral(L, "date");
    lua_rawget(L, -2);
    lua_pushliteral(L, "time");
    lua_rawget(L, -3);
    lua_remove(L, -3);
}

void open_libraries(lua_State *L) {
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},         {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, luaopen_string},
        {LUA_MATHLIBNAME, luaopen_math},   {LUA_UTF8LIBNAME, luaopen_utf8}, {LUA_COLIBNAME, luaopen_coroutine},
        {NULL, NULL},
    };
    for (const luaL_Reg *library = libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    open_clock(L);
    /* The library makes the metatable of its large buffers when it needs it first; were there no memory for all of it then,
       every later use would fail with an error that says something else. */
    luaL_Buffer buffer;
    luaL_buffinitsize(L, &buffer, 2 * LUAL_BUFFERSIZE);
    luaL_pushresultsize(&buffer, 0);
    lua_pop(L, 1);
    static const char *const absent[] = {"dofile", "loadfile", "collectgarbage", "load", "print", "warn", NULL};
    for (const char *const *name = absent; *name; name++) forget(L, LUA_GNAME, *name);
    forget(L, LUA_STRLIBNAME, "dump");
    lua_register(L, "pcall", our_pcall);
    lua_register(L, "xpcall", our_xpcall);
    lua_register(L, "setmetatable", our_setmetatable);
    static const char *const strings[] = {"find", "match", "gmatch", "gsub", "rep", "format", NULL};
    static const char *const tables[] = {"sort", "concat", "move", "unpack", NULL};
    note_calls(L, LUA_STRLIBNAME, strings);
    note_calls(L, LUA_TABLIBNAME, tables);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable"); /* what is shared by all strings is not to be changed */
    lua_pop(L, 2);
}
