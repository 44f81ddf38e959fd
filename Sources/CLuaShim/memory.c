#include "host.h"

#include <stdlib.h>

/* The memory of a state: the cap, and the section in which it may be passed. */

/* Of tests: how many blocks are still given, and how many are refused after that. */
static _Thread_local uint64_t blocks_left, blocks_refused;

uint64_t homeward_lua_refuse_blocks(uint64_t after, uint64_t count) {
    uint64_t left = blocks_refused;
    blocks_left = after;
    blocks_refused = count;
    return left;
}

static bool is_refused(void) {
    if (blocks_refused == 0) return false;
    if (blocks_left > 0) {
        blocks_left--;
        return false;
    }
    blocks_refused--;
    return true;
}

/* Handlers that run because of a stop may have a quarter more: what they close is not to be left open for want of memory. */
static size_t cap_of(const host *h) {
    size_t room = h->unwinding ? h->cap / 4 : 0;
    return h->cap > SIZE_MAX - room ? SIZE_MAX : h->cap + room;
}

void *host_allocate(void *context, void *block, size_t old_size, size_t new_size) {
    host *h = context;
    if (!block) old_size = 0; /* it is a tag of the type then */
    if (new_size == 0) {
        free(block);
        h->used -= old_size;
        return NULL;
    }
    /* Shrinking must never fail. */
    bool grows = new_size > old_size;
    size_t cap = cap_of(h);
    if (grows && !h->no_fail && (is_refused() || new_size > cap || h->used - old_size > cap - new_size)) {
        h->refused = true;
        h->refusals++;
        return NULL;
    }
    void *result = realloc(block, new_size);
    if (result) h->used = h->used - old_size + new_size;
    else if (h->no_fail) abort(); /* raising would jump over Swift; Swift itself ends here too */
    else h->refused = true;
    return result;
}

size_t homeward_lua_memory(lua_State *L) { return host_of(L)->used; }
uint64_t homeward_lua_refusals(lua_State *L) { return host_of(L)->refusals; }

bool homeward_lua_settle(lua_State *L) {
    host *h = host_of(L);
    if (h->used > cap_of(h)) lua_gc(L, LUA_GCCOLLECT);
    return h->used <= cap_of(h);
}

bool homeward_lua_no_fail(lua_State *L, bool on) {
    host *h = host_of(L);
    bool before = h->no_fail;
    h->no_fail = on;
    return before;
}

void settle(lua_State *L, host *h) {
    if (h->no_fail || homeward_lua_settle(L)) return;
    lua_newuserdatauv(L, cap_of(h), 0); /* larger than the cap with its head: the allocator refuses, and Lua raises */
}
