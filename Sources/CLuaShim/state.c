#include "host.h"

#include <stdlib.h>

/* Opening a state, bare or as a world, and ending it. */

static int abort_on_panic(lua_State *L) {
    (void)L; /* An error outside of every protected call is a defect of this target: Lua aborts when this returns. */
    return 0;
}

static lua_State *new_state(size_t memory, host **out) {
    host *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->cap = memory;
    lua_State *L = lua_newstate(host_allocate, h);
    if (!L) {
        free(h);
        return NULL;
    }
    *(host **)lua_getextraspace(L) = h;
    lua_atpanic(L, abort_on_panic);
    *out = h;
    return L;
}

lua_State *homeward_lua_create(size_t memory) {
    host *h;
    return new_state(memory, &h);
}

static int open_world(lua_State *L) {
    open_libraries(L);
    open_coroutine(L);
    return 0;
}

lua_State *homeward_lua_create_world(size_t memory, homeward_lua_callbacks callbacks, homeward_lua_pulse *pulse) {
    host *h;
    lua_State *L = new_state(memory, &h);
    if (!L) return NULL;
    h->callbacks = callbacks;
    h->pulse = pulse;
    h->chain = true;
    lua_pushcfunction(L, open_world);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        homeward_lua_destroy(L);
        return NULL;
    }
    lua_sethook(L, fiber_hook, LUA_MASKCOUNT, HOOK_INTERVAL); /* fibers and coroutines inherit it */
    return L;
}

size_t homeward_lua_destroy(lua_State *L) {
    host *h = host_of(L);
    lua_close(L);
    size_t kept = h->used;
    free(h);
    return kept;
}
