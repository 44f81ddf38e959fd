#include "host.h"

/* Coroutines of scripts. They differ from Lua's own in this: when the host suspends a fiber while a coroutine runs, the
   coroutine that resumed it is suspended too, and so on up to the fiber; no resume swallows a stop; `<close>` variables of
   a coroutine that fails may wait; and a coroutine that waits for the host cannot be resumed by anybody else. */

static lua_State *coroutine_at(lua_State *L, int index) {
    lua_State *co = lua_tothread(L, index);
    luaL_argexpected(L, co, index, "coroutine");
    return co;
}

/* Marks the coroutine at `index` as being resumed by somebody, or takes that back. */
static void set_entered(lua_State *L, int index, bool entered) {
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &entered_key);
    lua_pushvalue(L, index);
    if (entered) lua_pushboolean(L, 1);
    else lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static bool is_entered(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &entered_key);
    lua_pushvalue(L, index);
    bool entered = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return entered;
}

/* MARK: The body of each coroutine */

static int body_done(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
    return lua_error(L);
}

static int body_base(lua_State *L) {
    lua_pushcfunction(L, trace_handler);
    lua_insert(L, 1);
    return body_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, body_done), 0);
}

static int create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushcfunction(co, body_base);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

/* MARK: resume and wrap */

static int go_on_resume(lua_State *L, int status, lua_KContext context);
static int go_on_wrap(lua_State *L, int status, lua_KContext context);

/* Resumes the coroutine at 1 with `arguments` values that are on its stack; does not return if the host suspends the
   fiber meanwhile. What it yields or returns, or its error, is then on top of L. */
static int step(lua_State *L, int arguments, lua_KContext context, bool is_wrap) {
    host *h = host_of(L);
    lua_State *co = lua_tothread(L, 1);
    bool chain = h->chain;
    h->chain = chain && lua_isyieldable(L);
    int results = 0;
    /* It begins with `body_base`, whose first argument is the function. */
    if (lua_status(co) == LUA_OK) arguments++;
    int status = lua_resume(co, L, arguments, &results);
    h->chain = chain;
    if (status == LUA_YIELD && h->signal != SIGNAL_NONE) {
        return lua_yieldk(L, 0, context, is_wrap ? go_on_wrap : go_on_resume);
    }
    set_entered(L, 1, false);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (lua_checkstack(L, results + 1)) {
            lua_xmove(co, L, results);
            return results;
        }
        lua_pop(co, results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, 1);
    pass_stop_on(L, context);
    return -1;
}

/* Checks and enters; -1 with a message on top when it cannot be resumed, else the count of arguments. */
static int enter(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    int arguments = lua_gettop(L) - 1;
    int status = lua_status(co);
    if (co == L || is_entered(L, 1)) lua_pushliteral(L, "cannot resume non-suspended coroutine");
    else if (status == LUA_OK && lua_gettop(co) == 0) lua_pushliteral(L, "cannot resume dead coroutine");
    else if (status != LUA_OK && status != LUA_YIELD) lua_pushliteral(L, "cannot resume dead coroutine");
    else if (!lua_checkstack(co, arguments)) lua_pushliteral(L, "too many arguments to resume");
    else {
        set_entered(L, 1, true);
        lua_xmove(L, co, arguments);
        return arguments;
    }
    return -1;
}

static int finish_resume(lua_State *L, int results) {
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results < 0 ? -2 : -(results + 1));
    return results < 0 ? 2 : results + 1;
}

static int go_on_resume(lua_State *L, int status, lua_KContext context) {
    (void)status;
    return finish_resume(L, step(L, 0, context, false));
}

static int resume(lua_State *L) {
    coroutine_at(L, 1);
    int arguments = enter(L);
    return finish_resume(L, arguments < 0 ? -1 : step(L, arguments, host_of(L)->unwinding, false));
}

static int finish_wrap(lua_State *L, int results) { return results >= 0 ? results : lua_error(L); }

static int go_on_wrap(lua_State *L, int status, lua_KContext context) {
    (void)status;
    return finish_wrap(L, step(L, 0, context, true));
}

static int wrapped(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int arguments = enter(L);
    if (arguments < 0) return luaL_error(L, "%s", lua_tostring(L, -1));
    return finish_wrap(L, step(L, arguments, host_of(L)->unwinding, true));
}

static int wrap(lua_State *L) {
    create(L);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* MARK: The others */

static const char *status_of(lua_State *L, int index) {
    lua_State *co = lua_tothread(L, index);
    if (co == L) return "running";
    switch (lua_status(co)) {
    case LUA_YIELD: return is_entered(L, index) ? "normal" : "suspended";
    case LUA_OK: {
        lua_Debug level;
        if (is_entered(L, index) || lua_getstack(co, 0, &level)) return "normal";
        return lua_gettop(co) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
    }
}

static int status(lua_State *L) {
    coroutine_at(L, 1);
    lua_pushstring(L, status_of(L, 1));
    return 1;
}

static int yield(lua_State *L) {
    if (L == host_of(L)->fiber) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int is_yieldable(lua_State *L) {
    lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, co != host_of(L)->fiber && lua_isyieldable(co));
    return 1;
}

static int running(lua_State *L) {
    lua_pushthread(L);
    lua_pushboolean(L, L == host_of(L)->fiber);
    return 2;
}

/* Lua 5.4.4 counts the C calls of each coroutine that is closed from where it was suspended, not from where it is closed: one
   that is closed by a handler of another one, and so on, would use up the C stack of the thread. */
static bool is_deep(const host *h) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (h->base > here ? h->base - here : here - h->base) > CLOSE_DEPTH;
}

static int close(lua_State *L) {
    host *h = host_of(L);
    lua_State *co = coroutine_at(L, 1);
    const char *state = status_of(L, 1);
    if (state[0] != 's' && state[0] != 'd') return luaL_error(L, "cannot close a %s coroutine", state);
    if (is_deep(h)) return luaL_error(L, "C stack overflow");
    bool begun_unwinding = h->unwinding, chain = h->chain;
    h->chain = false; /* its handlers run inside of a call of C */
    int result = lua_resetthread(co);
    h->chain = chain;
    if (result == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    pass_stop_on(L, begun_unwinding);
    return 2;
}

void open_coroutine(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", create}, {"resume", resume},         {"running", running}, {"status", status},
        {"wrap", wrap},     {"isyieldable", is_yieldable}, {"yield", yield},     {"close", close},
        {NULL, NULL},
    };
    lua_getglobal(L, LUA_COLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &entered_key);
}
