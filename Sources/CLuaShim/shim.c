#include "CLuaShim.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The count hook comes this often; more seldom gains nothing, since it is its presence that costs. */
enum { HOOK_INTERVAL = 1000 };

typedef struct {
    size_t used, cap;
    uint64_t instructions_left, instructions_limit;
    uint64_t deadline; /* of this thread's processor time; 0: none */
    bool running;      /* the text is loaded, so what is raised now is raised by the chunk */
    bool refused;      /* a block was refused during this run */
    bool stopped;      /* the budget is spent */
} host;

/* What has no other mark than its address: the error that ends a run, and the registry's key of the traceback. */
static const char stop_mark, traceback_key, message_key;

static host *host_of(lua_State *L) { return *(host **)lua_getextraspace(L); }

static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    host *h = context;
    if (!block) old_size = 0; /* it is a tag of the type then */
    if (new_size == 0) {
        free(block);
        h->used -= old_size;
        return NULL;
    }
    /* Shrinking must never fail. */
    if (new_size > old_size && (new_size > h->cap || h->used - old_size > h->cap - new_size)) {
        h->refused = true;
        return NULL;
    }
    void *result = realloc(block, new_size);
    if (result) h->used = h->used - old_size + new_size;
    else h->refused = true;
    return result;
}

static uint64_t thread_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count_hook(lua_State *L, lua_Debug *activation) {
    (void)activation;
    host *h = host_of(L);
    bool spent = h->deadline && thread_nanoseconds() >= h->deadline;
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

static int abort_on_panic(lua_State *L) {
    (void)L; /* An error outside of every protected call is a defect of this file: Lua aborts when this returns. */
    return 0;
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

lua_State *homeward_lua_create(size_t memory) {
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
    return L;
}

void homeward_lua_destroy(lua_State *L) {
    host *h = host_of(L);
    lua_close(L);
    free(h);
}

size_t homeward_lua_memory(lua_State *L) { return host_of(L)->used; }

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
    h->deadline = nanoseconds ? thread_nanoseconds() + nanoseconds : 0;
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
    if (lua_type(L, -1) != LUA_TSTRING) return NULL;
    return lua_tolstring(L, -1, length);
}

const char *homeward_lua_traceback(lua_State *L, size_t *length) { return registry_string(L, &traceback_key, length); }

static homeward_lua_type type_at(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL: return HOMEWARD_LUA_NIL;
    case LUA_TBOOLEAN: return HOMEWARD_LUA_BOOLEAN;
    case LUA_TNUMBER: return lua_isinteger(L, index) ? HOMEWARD_LUA_INTEGER : HOMEWARD_LUA_NUMBER;
    case LUA_TSTRING: return HOMEWARD_LUA_STRING;
    case LUA_TTABLE: return HOMEWARD_LUA_TABLE;
    default: return HOMEWARD_LUA_OTHER;
    }
}

/* lua_tolstring would convert a number in place, and with it break a walk: so only strings. */
static const char *string_at(lua_State *L, int index, size_t *length) {
    return lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, length) : NULL;
}

homeward_lua_type homeward_lua_top_type(lua_State *L) { return type_at(L, -1); }
bool homeward_lua_top_boolean(lua_State *L) { return lua_toboolean(L, -1); }
int64_t homeward_lua_top_integer(lua_State *L) { return lua_tointegerx(L, -1, NULL); }
double homeward_lua_top_number(lua_State *L) { return lua_tonumberx(L, -1, NULL); }
const char *homeward_lua_top_string(lua_State *L, size_t *length) { return string_at(L, -1, length); }
const char *homeward_lua_top_type_name(lua_State *L) { return lua_typename(L, lua_type(L, -1)); }
void homeward_lua_pop(lua_State *L) { lua_pop(L, 1); }

bool homeward_lua_walk_begin(lua_State *L) {
    if (lua_type(L, -1) != LUA_TTABLE || !lua_checkstack(L, 8)) return false;
    lua_pushnil(L);
    return true;
}

/* lua_next raises only for a key that the table does not have; this one it has just given. */
bool homeward_lua_walk_next(lua_State *L) { return lua_next(L, -2); }

homeward_lua_type homeward_lua_key_type(lua_State *L) { return type_at(L, -2); }
int64_t homeward_lua_key_integer(lua_State *L) { return lua_tointegerx(L, -2, NULL); }
const char *homeward_lua_key_string(lua_State *L, size_t *length) { return string_at(L, -2, length); }
