#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// All that Swift sees of Lua. `lua_State` is only declared here: a call that may raise cannot even be written in Swift,
/// and so no Lua error ever jumps over a Swift frame. Everything below answers with a status and never raises.
typedef struct lua_State lua_State;

/// What became of a run.
typedef enum {
    HOMEWARD_LUA_OK = 0,
    /// The text is no Lua, or is no text.
    HOMEWARD_LUA_SYNTAX = 1,
    /// The chunk raised an error.
    HOMEWARD_LUA_RUNTIME = 2,
    /// The cap on memory was reached.
    HOMEWARD_LUA_MEMORY = 3,
    /// The budget of instructions or of processor time was spent.
    HOMEWARD_LUA_CPU = 4,
} homeward_lua_status;

typedef enum {
    HOMEWARD_LUA_NIL = 0,
    HOMEWARD_LUA_BOOLEAN = 1,
    HOMEWARD_LUA_INTEGER = 2,
    HOMEWARD_LUA_NUMBER = 3,
    HOMEWARD_LUA_STRING = 4,
    HOMEWARD_LUA_TABLE = 5,
    /// A function, a userdata, a thread: what cannot leave the state.
    HOMEWARD_LUA_OTHER = 6,
} homeward_lua_type;

/// A state without any library, that never holds more than `memory` bytes. NULL when not even the state fits.
///
/// Of one thread at a time.
lua_State *homeward_lua_create(size_t memory);
void homeward_lua_destroy(lua_State *L);
/// Bytes that Lua holds now.
size_t homeward_lua_memory(lua_State *L);

/// Loads text (never bytecode) and runs it in an environment without any name, where using or assigning one is an error.
///
/// On success its first result is on the stack, for the readers below. `instructions` and `nanoseconds` of processor time
/// of this thread bound the run; 0 is no bound. Both are looked at each 1,000 instructions.
homeward_lua_status homeward_lua_evaluate(
    lua_State *L, const char *source, size_t length, const char *chunk_name, uint64_t instructions, uint64_t nanoseconds);
/// What went wrong in the last run, as Lua says it, with chunk name and line. Valid until the next run.
const char *homeward_lua_message(lua_State *L, size_t *length);
/// The calls that led there; NULL when there is none. Valid until the next run.
const char *homeward_lua_traceback(lua_State *L, size_t *length);

/// Readers of the value on top of the stack. They convert nothing, allocate nothing and run no metamethod.
homeward_lua_type homeward_lua_top_type(lua_State *L);
bool homeward_lua_top_boolean(lua_State *L);
int64_t homeward_lua_top_integer(lua_State *L);
double homeward_lua_top_number(lua_State *L);
/// The bytes of a string; NULL for any other type. Valid while the value is on the stack.
const char *homeward_lua_top_string(lua_State *L, size_t *length);
/// Lua's own name of the type: "function", "userdata", "thread", …
const char *homeward_lua_top_type_name(lua_State *L);
void homeward_lua_pop(lua_State *L);

/// Begins to walk the table on top of the stack. False when there is no room on the stack for that.
bool homeward_lua_walk_begin(lua_State *L);
/// Puts the next value on top, after the one before has been popped, with its key below it. False at the end, when the
/// table is on top again.
bool homeward_lua_walk_next(lua_State *L);
/// The same readers for the key below the value on top.
homeward_lua_type homeward_lua_key_type(lua_State *L);
int64_t homeward_lua_key_integer(lua_State *L);
const char *homeward_lua_key_string(lua_State *L, size_t *length);
