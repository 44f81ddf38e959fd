#include "host.h"

/* Text in and out: loading it, its compiled form, and what `tostring` makes of a value. */

homeward_lua_load_status homeward_lua_load(lua_State *L, const char *source, size_t length, const char *chunk_name) {
    switch (luaL_loadbufferx(L, source, length, chunk_name, "t")) {
    case LUA_OK: return HOMEWARD_LUA_LOADED;
    case LUA_ERRMEM: return HOMEWARD_LUA_LOAD_NO_MEMORY;
    default: return HOMEWARD_LUA_NOT_LOADED;
    }
}

static int append(lua_State *L, const void *bytes, size_t length, void *buffer) {
    (void)L;
    luaL_addlstring(buffer, bytes, length);
    return 0;
}

static int dump(lua_State *L) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    lua_pushvalue(L, 1); /* lua_dump wants the function on top, where the buffer has its box */
    lua_State *side = lua_newthread(L);
    lua_rotate(L, -2, 1);
    lua_xmove(L, side, 1);
    lua_replace(L, 1); /* keeps the thread */
    lua_dump(side, append, &buffer, 0);
    luaL_pushresult(&buffer);
    return 1;
}

homeward_lua_load_status homeward_lua_compile(lua_State *L, const char *source, size_t length, const char *chunk_name) {
    homeward_lua_load_status status = homeward_lua_load(L, source, length, chunk_name);
    if (status != HOMEWARD_LUA_LOADED) return status;
    lua_pushcfunction(L, dump);
    lua_insert(L, -2);
    return lua_pcall(L, 1, 1, 0) == LUA_OK ? HOMEWARD_LUA_LOADED : HOMEWARD_LUA_LOAD_NO_MEMORY;
}

/* Lua code that Swift calls may fail for want of memory like any other. */
static int protected_call(lua_State *L, int arguments, int handler) {
    host *h = host_of(L);
    bool outer = h->no_fail, chain = h->chain;
    h->no_fail = h->chain = false;
    int status = lua_pcall(L, arguments, 1, handler);
    h->no_fail = outer;
    h->chain = chain;
    return status;
}

bool homeward_lua_call(lua_State *L, int arguments) { return protected_call(L, arguments, 0) == LUA_OK; }

static int text(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

void homeward_lua_text(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_pushcfunction(L, text);
    lua_pushvalue(L, index);
    if (protected_call(L, 1, 0) == LUA_OK) return;
    lua_pop(L, 1);
    const char *kind = lua_typename(L, lua_type(L, index));
    bool outer = homeward_lua_no_fail(L, true);
    lua_pushfstring(L, "(a %s that cannot be shown)", kind);
    homeward_lua_no_fail(L, outer);
}

void homeward_lua_set_environment(lua_State *L, int function) {
    function = lua_absindex(L, function);
    if (!lua_setupvalue(L, function, 1)) lua_pop(L, 1); /* a chunk that uses no name has none to set */
}
