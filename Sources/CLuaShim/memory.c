#include "host.h"

#include <stdlib.h>

/* A state and its memory: the cap, and the section in which it may be passed. */

static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    host *h = context;
    if (!block) old_size = 0; /* it is a tag of the type then */
    if (new_size == 0) {
        free(block);
        h->used -= old_size;
        return NULL;
    }
    /* Shrinking must never fail. */
    bool grows = new_size > old_size;
    if (grows && !h->no_fail && (new_size > h->cap || h->used - old_size > h->cap - new_size)) {
        h->refused = true;
        return NULL;
    }
    void *result = realloc(block, new_size);
    if (result) h->used = h->used - old_size + new_size;
    else if (h->no_fail) abort(); /* raising would jump over Swift; Swift itself ends here too */
    else h->refused = true;
    return result;
}

static int abort_on_panic(lua_State *L) {
    (void)L; /* An error outside of every protected call is a defect of this target: Lua aborts when this returns. */
    return 0;
}

lua_State *new_state(size_t memory, host **out) {
    host *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->cap = memory;
    lua_State *L = lua_newstate(allocate, h);
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

void homeward_lua_destroy(lua_State *L) {
    host *h = host_of(L);
    lua_close(L);
    free(h);
}

size_t homeward_lua_memory(lua_State *L) { return host_of(L)->used; }

bool homeward_lua_settle(lua_State *L) {
    host *h = host_of(L);
    if (h->used > h->cap) lua_gc(L, LUA_GCCOLLECT);
    return h->used <= h->cap;
}

bool homeward_lua_no_fail(lua_State *L, bool on) {
    host *h = host_of(L);
    bool before = h->no_fail;
    h->no_fail = on;
    return before;
}

void settle(lua_State *L, host *h) {
    if (h->no_fail || homeward_lua_settle(L)) return;
    lua_newuserdatauv(L, h->cap, 0); /* larger than the cap with its head: the allocator refuses, and Lua raises */
}
