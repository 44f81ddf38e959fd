#include "host.h"

/* A chunk that is run once, in an environment without any name. */

static const char stop_mark, traceback_key, message_key;

static void count_hook(lua_State *L, lua_Debug *activation) {
    (void)activation;
    host *h = host_of(L);
    bool spent = h->deadline && homeward_lua_thread_nanoseconds() >= h->deadline;
    if (h->instructions_limit) {
        if (h->instructions_left <= HOOK_INTERVAL) spent = true;
        else h->instructions_left -= HOOK_INTERVAL;
    }
    if (!spent) return;
    h->stopped = true;
    luaL_traceback(L, L, NULL, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    luaL_where(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &message_key);
    lua_pushlightuserdata(L, (void *)&stop_mark);
    lua_error(L);
}

/* Runs where the error was raised, so that the calls can still be seen. */
static int on_error(lua_State *L) {
    host *h = host_of(L);
    if (h->running && !h->stopped) {
        luaL_traceback(L, L, NULL, 1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    }
    return 1;
}

static int undeclared_read(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "nothing is named '%s' here", name);
}

static int undeclared_write(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "'%s' is assigned, but was not declared: write local %s", name, name);
}

typedef struct {
    const char *source, *name;
    size_t length;
} chunk;

static int run_chunk(lua_State *L) {
    const chunk *c = lua_touserdata(L, 1);
    lua_settop(L, 0);
    if (luaL_loadbufferx(L, c->source, c->length, c->name, "t") != LUA_OK) return lua_error(L);
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, undeclared_read);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, undeclared_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    if (!lua_setupvalue(L, 1, 1)) lua_pop(L, 1); /* a chunk that uses no name has none to set */
    host_of(L)->running = true;
    lua_sethook(L, count_hook, LUA_MASKCOUNT, HOOK_INTERVAL);
    lua_call(L, 0, 1);
    return 1;
}

/* Nil into a slot of the registry that exists, or is not there: neither allocates. */
static void forget(lua_State *L, const void *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TNIL) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    }
    lua_pop(L, 1);
}

homeward_lua_status homeward_lua_evaluate(
    lua_State *L, const char *source, size_t length, const char *chunk_name, uint64_t instructions, uint64_t nanoseconds
) {
    host *h = host_of(L);
    lua_settop(L, 0);
    forget(L, &traceback_key);
    forget(L, &message_key);
    h->running = h->stopped = h->refused = false;
    h->instructions_limit = h->instructions_left = instructions;
    h->deadline = nanoseconds ? homeward_lua_thread_nanoseconds() + nanoseconds : 0;
    chunk c = {source, chunk_name, length};
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, run_chunk);
    lua_pushlightuserdata(L, &c);
    int status = lua_pcall(L, 1, 1, 1);
    lua_sethook(L, NULL, 0, 0);
    lua_remove(L, 1);
    if (status == LUA_OK) return HOMEWARD_LUA_OK;
    if (h->stopped) return HOMEWARD_LUA_CPU;
    /* An error while one was handled is LUA_ERRERR: without memory the handler cannot do its work either. */
    if (status == LUA_ERRMEM || (status == LUA_ERRERR && h->refused)) return HOMEWARD_LUA_MEMORY;
    return h->running ? HOMEWARD_LUA_RUNTIME : HOMEWARD_LUA_SYNTAX;
}

static const char *registry_string(lua_State *L, const void *key, size_t *length) {
    const char *text = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TSTRING) text = lua_tolstring(L, -1, length);
    lua_pop(L, 1); /* the registry still holds it */
    return text;
}

const char *homeward_lua_message(lua_State *L, size_t *length) {
    if (host_of(L)->stopped) return registry_string(L, &message_key, length);
    return homeward_lua_string(L, -1, length);
}

const char *homeward_lua_traceback(lua_State *L, size_t *length) { return registry_string(L, &traceback_key, length); }
