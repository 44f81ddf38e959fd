#include "host.h"

#include <string.h>

/* Fibers, the way into Swift, and the error that nothing catches. */

/* What has no other mark than its address. */
static const char stop_mark, lost_key, fibers_key, traced_key, traced_text_key, traced_place_key;
const char entered_key;

bool is_stop(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == (void *)&stop_mark;
}

int raise_stop(lua_State *L) {
    host_of(L)->unwinding = true;
    lua_pushlightuserdata(L, (void *)&stop_mark);
    return lua_error(L);
}

/* An error of a `<close>` handler that ran because of a stop: it changes nothing about that, but must not be forgotten. */
static void keep_lost(lua_State *L) {
    bool outer = homeward_lua_no_fail(L, true);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &lost_key) == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &lost_key);
    }
    lua_pop(L, 1);
    homeward_lua_no_fail(L, outer);
}

bool homeward_lua_take_lost(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &lost_key) == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &lost_key);
    return true;
}

/* A protected call that was begun before the stop catches nothing any more, whatever a handler raised meanwhile. One that
   a handler begins while unwinding catches what it likes, but a stop. */
void pass_stop_on(lua_State *L, bool begun_unwinding) {
    bool stop = is_stop(L, -1);
    if (!stop && (!host_of(L)->unwinding || begun_unwinding)) return;
    if (!stop) keep_lost(L);
    raise_stop(L);
}

/* MARK: The way into Swift */

static int conclude(lua_State *L, host *h, int answer);

static int invoke(lua_State *L, int64_t function) {
    host *h = host_of(L);
    bool outer = h->no_fail; /* saved and restored: calls nest */
    h->no_fail = true;
    int answer = h->callbacks.invoke(h->callbacks.context, L, function);
    h->no_fail = outer;
    /* A request that was begun must be waited for; the next block that is asked for is refused instead. */
    if (answer != HOMEWARD_LUA_WAIT) settle(L, h);
    return conclude(L, h, answer);
}

int trampoline(lua_State *L) { return invoke(L, lua_tointeger(L, lua_upvalueindex(1))); }

static int after_wait(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return invoke(L, HOMEWARD_LUA_RESUMED);
}

static int after_body(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L);
}

static int conclude(lua_State *L, host *h, int answer) {
    switch (answer) {
    case HOMEWARD_LUA_RAISE: return lua_error(L);
    case HOMEWARD_LUA_STOP: return raise_stop(L);
    case HOMEWARD_LUA_WAIT: h->signal = SIGNAL_WAIT; return lua_yieldk(L, 0, 0, after_wait);
    case HOMEWARD_LUA_BODY:
        lua_insert(L, 1);
        lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, after_body);
        return lua_gettop(L);
    default: return answer;
    }
}

bool homeward_lua_can_wait(lua_State *L) { return host_of(L)->chain && lua_isyieldable(L); }

void fiber_hook(lua_State *L, lua_Debug *activation) {
    host *h = host_of(L);
    lua_getinfo(L, "Sl", activation);
    if (activation->currentline > 0 && activation->source[0] != '=') {
        pulse_place(h->pulse, activation->source + 1, activation->currentline);
    } else {
        homeward_lua_pulse_beat(h->pulse);
    }
    bool may_suspend = homeward_lua_can_wait(L);
    switch (h->callbacks.poll(h->callbacks.context, L, may_suspend)) {
    case HOMEWARD_LUA_END: raise_stop(L); break;
    case HOMEWARD_LUA_PREEMPT:
        if (!may_suspend) break;
        h->signal = SIGNAL_PREEMPT;
        lua_yield(L, 0);
        break;
    default: break;
    }
}

/* MARK: Where an error was raised */

/* Calls that are looked through for a closing handler. To reach one, Lua walks over all above it: a stack as deep as it can be
   would take minutes. */
#define CLOSING_DEPTH 4000

bool homeward_lua_is_closing(lua_State *L) {
    lua_Debug level;
    for (int i = 0; i < CLOSING_DEPTH && lua_getstack(L, i, &level); i++) {
        lua_getinfo(L, "n", &level);
        if (level.name && strcmp(level.namewhat, "metamethod") == 0 && strcmp(level.name, "close") == 0) return true;
    }
    return false;
}

bool homeward_lua_where(lua_State *L, const char **source, int *line) {
    lua_Debug level;
    for (int i = 0; lua_getstack(L, i, &level); i++) {
        lua_getinfo(L, "Sl", &level);
        if (level.currentline <= 0) continue;
        if (level.source[0] == '=' && level.source[1] == '[') continue; /* a chunk of ours */
        *source = level.source[0] == '@' || level.source[0] == '=' ? level.source + 1 : level.short_src;
        /* short_src is in `level`, which ends here; the text of a loaded string has no name that is worth more. */
        if (*source == level.short_src) *source = "(load)";
        *line = level.currentline;
        return true;
    }
    return false;
}

static void trace(lua_State *L, int index) {
    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traced_key);
}

/* Whether the value at `index` is the one that was traced last. */
static bool is_traced(lua_State *L, int index) {
    index = lua_absindex(L, index);
    bool same = lua_rawgetp(L, LUA_REGISTRYINDEX, &traced_key) != LUA_TNIL && lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

/* Runs where the error was raised, so that the calls can still be seen. It must not fail, so it may pass the cap. */
int trace_handler(lua_State *L) {
    if (is_stop(L, 1)) return 1;
    host *h = host_of(L);
    bool outer = h->no_fail;
    h->no_fail = true;
    bool again = is_traced(L, 1);
    if (again) {
        /* Raised before in a coroutine or a fiber: what was seen there comes first. The same string can be raised anew again
           and again, which makes it no longer. */
        lua_rawgetp(L, LUA_REGISTRYINDEX, &traced_text_key);
        const char *before = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        if (!before || lua_rawlen(L, -1) < TRACE_LIMIT) luaL_traceback(L, L, before, 1);
    } else {
        luaL_traceback(L, L, NULL, 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traced_text_key);
    if (!again) {
        const char *source;
        int line;
        if (homeward_lua_where(L, &source, &line)) lua_pushfstring(L, "%s:%d", source, line);
        else lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &traced_place_key);
        trace(L, 1);
    }
    h->no_fail = outer;
    lua_settop(L, 1);
    return 1;
}

const char *homeward_lua_trace(lua_State *L, int index, bool place, size_t *length) {
    if (!is_traced(L, index)) return NULL;
    const char *text = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, place ? &traced_place_key : &traced_text_key) == LUA_TSTRING) {
        text = lua_tolstring(L, -1, length);
    }
    lua_pop(L, 1); /* the registry still holds it */
    return text;
}

void homeward_lua_trace_set(lua_State *L, int index, const char *place, const char *traceback) {
    index = lua_absindex(L, index);
    lua_pushstring(L, place);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traced_place_key);
    lua_pushstring(L, traceback);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traced_text_key);
    trace(L, index);
}

/* MARK: Fibers */

static int fiber_done(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
    /* The `<close>` variables are closed by now, and may have waited. */
    if (status == LUA_ERRMEM) settle(L, host_of(L));
    return lua_error(L);
}

static int fiber_base(lua_State *L) {
    lua_pushcfunction(L, trace_handler);
    lua_insert(L, 1);
    return fiber_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, fiber_done), 0);
}

/* Pushes a table of the registry that is made when it is first needed. */
static void push_registry_table(lua_State *L, const void *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 0);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

lua_State *homeward_lua_fiber(lua_State *L) {
    lua_State *fiber = lua_newthread(L);
    push_registry_table(L, &fibers_key);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, fiber);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &entered_key);
    lua_pushvalue(L, -3);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3); /* so that no script can resume it or close it */
    lua_pop(L, 3);
    return fiber;
}

void homeward_lua_fiber_release(lua_State *L, lua_State *fiber) {
    push_registry_table(L, &fibers_key);
    lua_pushnil(L);
    lua_rawsetp(L, -2, fiber);
    lua_pop(L, 1);
}

void homeward_lua_fiber_prepare(lua_State *L, lua_State *fiber, int count) {
    lua_checkstack(fiber, count + 8);
    lua_pushcfunction(fiber, fiber_base);
    lua_xmove(L, fiber, count);
}

homeward_lua_progress homeward_lua_fiber_resume(lua_State *L, lua_State *fiber, bool unwinding) {
    host *h = host_of(L);
    h->fiber = fiber;
    h->base = (uintptr_t)__builtin_frame_address(0);
    h->chain = true;
    h->signal = SIGNAL_NONE;
    h->unwinding = unwinding;
    int results = 0;
    int arguments = lua_status(fiber) == LUA_YIELD ? 0 : lua_gettop(fiber) - 1;
    int status = lua_resume(fiber, L, arguments, &results);
    bool stopped = h->unwinding;
    h->fiber = NULL;
    if (status == LUA_YIELD) {
        return h->signal == SIGNAL_PREEMPT ? HOMEWARD_LUA_FIBER_PREEMPTED : HOMEWARD_LUA_FIBER_WAITS;
    }
    if (status == LUA_OK) return HOMEWARD_LUA_FIBER_DONE;
    if (stopped && !is_stop(fiber, -1) && lua_checkstack(fiber, 4)) keep_lost(fiber);
    if (is_stop(fiber, -1) || stopped) return HOMEWARD_LUA_FIBER_STOPPED;
    return status == LUA_ERRMEM ? HOMEWARD_LUA_FIBER_NO_MEMORY : HOMEWARD_LUA_FIBER_FAILED;
}

bool homeward_lua_move(lua_State *from, lua_State *to, int count) {
    if (from == to) return true;
    if (!lua_checkstack(to, count + 8)) return false;
    lua_xmove(from, to, count);
    return true;
}

bool homeward_lua_copy_all(lua_State *from, lua_State *to) {
    int count = lua_gettop(from);
    if (!lua_checkstack(from, count + 8) || !lua_checkstack(to, count + 8)) return false;
    for (int i = 1; i <= count; i++) lua_pushvalue(from, i);
    lua_xmove(from, to, count);
    return true;
}
