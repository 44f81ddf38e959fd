#pragma once
#include "CLuaShim.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* Shared by the files of this target; nothing of it is seen by Swift. Each file calls only those above it here: memory.c
   and pulse.c; chunk.c, text.c and fiber.c; stack.c, library.c and coroutine.c; state.c. */

/* The count hook comes this often; more seldom gains nothing, since it is its presence that costs. */
enum { HOOK_INTERVAL = 1000 };

/* Bytes of C stack below a fiber that its handlers may have used before they close another coroutine. Threads of ours have
   4 MiB; each close can use as much as 200 calls of C need. */
enum { CLOSE_DEPTH = 512 << 10 };
/* Bytes of a traceback beyond which no more calls are added to it. */
enum { TRACE_LIMIT = 16 << 10 };

enum { SIGNAL_NONE, SIGNAL_WAIT, SIGNAL_PREEMPT };

typedef struct {
    size_t used, cap;
    bool no_fail; /* the cap may be passed */
    bool refused; /* a block was refused during this run of a chunk */
    uint64_t refusals;

    /* Of chunks in an empty world. */
    uint64_t instructions_left, instructions_limit;
    uint64_t deadline; /* of this thread's processor time; 0: none */
    bool running;      /* the text is loaded, so what is raised now is raised by the chunk */
    bool stopped;      /* the budget is spent */

    /* Of worlds with fibers. */
    homeward_lua_callbacks callbacks;
    homeward_lua_pulse *pulse;
    lua_State *fiber; /* the thread of the fiber that runs */
    int signal;       /* why the host suspends the fiber; none when a script's coroutine yields */
    bool chain;       /* every coroutine between the fiber and what runs can be suspended */
    uintptr_t base;   /* the address of the C stack where the fiber was resumed */
    bool unwinding;   /* the fiber is being stopped */
} host;

static inline host *host_of(lua_State *L) { return *(host **)lua_getextraspace(L); }

/* memory.c */
/* Lua's allocator; the context is the host. */
void *host_allocate(void *context, void *block, size_t old_size, size_t new_size);
/* Raises a true memory error while more than the cap is held. */
void settle(lua_State *L, host *h);

/* pulse.c */
void pulse_place(homeward_lua_pulse *pulse, const char *source, int line);

/* fiber.c */
extern const char entered_key;
bool is_stop(lua_State *L, int index);
int raise_stop(lua_State *L);
/* What a protected call does with the error on top, before it gives it to the script. */
void pass_stop_on(lua_State *L, bool begun_unwinding);
int trampoline(lua_State *L);
int trace_handler(lua_State *L);
void fiber_hook(lua_State *L, lua_Debug *activation);

/* library.c, coroutine.c */
void open_libraries(lua_State *L);
void open_coroutine(lua_State *L);
