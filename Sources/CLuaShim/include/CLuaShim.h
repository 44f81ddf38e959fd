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
    HOMEWARD_LUA_FUNCTION = 6,
    /// A userdata of a declared class: see `homeward_lua_class`.
    HOMEWARD_LUA_OBJECT = 7,
    /// Another userdata, a thread: what cannot leave the state.
    HOMEWARD_LUA_OTHER = 8,
} homeward_lua_type;

// MARK: A state

/// What another thread may know of a state, and ask of it. It lives apart from the state, and longer.
typedef struct homeward_lua_pulse homeward_lua_pulse;
/// Aborts when there is no memory, as Swift does.
homeward_lua_pulse *homeward_lua_pulse_create(void);
void homeward_lua_pulse_destroy(homeward_lua_pulse *pulse);
/// The state runs on the calling thread from now on.
void homeward_lua_pulse_here(homeward_lua_pulse *pulse);
/// Copies the last place that was seen, `FILE:LINE`, and returns how many there were; `spent` gets the nanoseconds of
/// processor time of the thread that the state runs on, 0 when there is none. From any thread.
uint64_t homeward_lua_pulse_read(homeward_lua_pulse *pulse, char *place, size_t size, uint64_t *spent);
/// Counts a sign of life that has no place.
void homeward_lua_pulse_beat(homeward_lua_pulse *pulse);
/// Sets or takes back the wish that the run ends. From any thread.
void homeward_lua_pulse_ask(homeward_lua_pulse *pulse, bool asked);
bool homeward_lua_pulse_asked(homeward_lua_pulse *pulse);

/// What Swift answers when Lua calls it: so many results on top of the stack, or one of these.
enum {
    /// Raises the value on top.
    HOMEWARD_LUA_RAISE = -1,
    /// Suspends the fiber; when it goes on, `HOMEWARD_LUA_RESUMED` is called for the answer.
    HOMEWARD_LUA_WAIT = -2,
    /// Raises what no `pcall` catches.
    HOMEWARD_LUA_STOP = -3,
    /// Calls the Lua function on top with the arguments, and returns what it returns.
    HOMEWARD_LUA_BODY = -4,
};
/// The function that is called when a wait is over.
enum { HOMEWARD_LUA_RESUMED = -1 };

/// What Swift answers at each 1,000 instructions.
enum { HOMEWARD_LUA_CONTINUE = 0, HOMEWARD_LUA_END = 1, HOMEWARD_LUA_PREEMPT = 2 };

typedef struct {
    void *context;
    /// Lua calls function number `function`. The arguments are the whole stack of `L`. What is called meanwhile may
    /// allocate beyond the cap, so that nothing fails for want of memory.
    int (*invoke)(void *context, lua_State *L, int64_t function);
    /// So much has been done that it is time to look at limits. `may_suspend`: PREEMPT can be answered.
    int (*poll)(void *context, lua_State *L, bool may_suspend);
} homeward_lua_callbacks;

/// A state without any library, that never holds more than `memory` bytes. NULL when not even the state fits.
///
/// Of one thread at a time.
lua_State *homeward_lua_create(size_t memory);
/// A state with the libraries that scripts may use and our replacements of `pcall` and others, for fibers. NULL when it
/// does not fit. The context and the pulse must outlive it.
lua_State *homeward_lua_create_world(size_t memory, homeward_lua_callbacks callbacks, homeward_lua_pulse *pulse);
/// Returns the bytes that Lua has not given back: 0.
size_t homeward_lua_destroy(lua_State *L);
/// For tests: of what Lua asks for on this thread outside of no-fail sections, `after` blocks are given, and then `count` are
/// refused. Lua asks a second time after each refusal, once it has collected. Returns how many of those refused before are
/// still to come.
uint64_t homeward_lua_refuse_blocks(uint64_t after, uint64_t count);
/// Bytes that Lua holds now.
size_t homeward_lua_memory(lua_State *L);
/// How often a block was refused since the state was made; twice for each error, as Lua collects and asks again.
uint64_t homeward_lua_refusals(lua_State *L);
/// Collects what is not used. False when more than the cap is held all the same.
bool homeward_lua_settle(lua_State *L);
/// Begins, or ends, a section in which Swift may push values outside of a callback. Returns what was set before.
bool homeward_lua_no_fail(lua_State *L, bool on);

// MARK: A chunk in an empty world

/// Loads text (never bytecode) and runs it in an environment without any name, where using or assigning one is an error.
///
/// On success its first result is on the stack. `instructions` and `nanoseconds` of processor time of this thread bound
/// the run; 0 is no bound. Both are looked at each 1,000 instructions.
homeward_lua_status homeward_lua_evaluate(
    lua_State *L, const char *source, size_t length, const char *chunk_name, uint64_t instructions, uint64_t nanoseconds);
/// What went wrong in the last run, as Lua says it, with chunk name and line. Valid until the next run.
const char *homeward_lua_message(lua_State *L, size_t *length);
/// The calls that led there; NULL when there is none. Valid until the next run.
const char *homeward_lua_traceback(lua_State *L, size_t *length);

// MARK: Fibers

/// A new fiber, kept until it is released; only in a no-fail section.
lua_State *homeward_lua_fiber(lua_State *L);
void homeward_lua_fiber_release(lua_State *L, lua_State *fiber);
/// Moves the `count` values on top of `L`, a function and its arguments, to a new fiber.
void homeward_lua_fiber_prepare(lua_State *L, lua_State *fiber, int count);

typedef enum {
    HOMEWARD_LUA_FIBER_WAITS = 0,
    HOMEWARD_LUA_FIBER_PREEMPTED = 1,
    /// Its results are all that is on its stack.
    HOMEWARD_LUA_FIBER_DONE = 2,
    /// The error is on top of its stack.
    HOMEWARD_LUA_FIBER_FAILED = 3,
    /// The same, and it is that there was no memory.
    HOMEWARD_LUA_FIBER_NO_MEMORY = 4,
    /// It was stopped, and has unwound.
    HOMEWARD_LUA_FIBER_STOPPED = 5,
} homeward_lua_progress;

/// Runs a fiber until it waits or ends. `unwinding`: it is being stopped already.
homeward_lua_progress homeward_lua_fiber_resume(lua_State *L, lua_State *fiber, bool unwinding);
/// Pushes the first error that a handler raised while a fiber was being stopped, once; false when there is none.
bool homeward_lua_take_lost(lua_State *L);
/// Whether what runs may be suspended: not below a comparator of table.sort, a callback of gsub, and the like.
bool homeward_lua_can_wait(lua_State *L);
/// Whether a `<close>` handler runs that was called where its block ended; one that has called 4000 deep itself is not seen.
bool homeward_lua_is_closing(lua_State *L);
/// Moves `count` values from the top of one stack to the other. False when there is no room.
bool homeward_lua_move(lua_State *from, lua_State *to, int count);
/// Pushes copies of all values of `from` (of the same world). False when there is no room.
bool homeward_lua_copy_all(lua_State *from, lua_State *to);
/// Where the value at `index` was raised, as the handlers saw it, and the calls that led there; NULL when unknown.
const char *homeward_lua_trace(lua_State *L, int index, bool place, size_t *length);
/// Notes that the value at `index` was raised elsewhere before.
void homeward_lua_trace_set(lua_State *L, int index, const char *place, const char *traceback);

// MARK: Text

typedef enum { HOMEWARD_LUA_LOADED = 0, HOMEWARD_LUA_NOT_LOADED = 1, HOMEWARD_LUA_LOAD_NO_MEMORY = 2 } homeward_lua_load_status;
/// Pushes the function of a text, or the message that says why there is none. Never bytecode.
homeward_lua_load_status homeward_lua_load(lua_State *L, const char *source, size_t length, const char *chunk_name);
/// Pushes the compiled form of a text as a string, or the message.
homeward_lua_load_status homeward_lua_compile(lua_State *L, const char *source, size_t length, const char *chunk_name);
/// Pops the value on top and makes it the environment of the chunk at `function`.
void homeward_lua_set_environment(lua_State *L, int function);
/// Calls the function below `arguments` values, with one result, or the error, in their place. It cannot wait.
bool homeward_lua_call(lua_State *L, int arguments);
/// Pushes what `tostring` gives of a value, or a fixed text where that raises.
void homeward_lua_text(lua_State *L, int index);
/// Source and line of the innermost level whose chunk is not one of ours (`=[…]`). False when there is none.
bool homeward_lua_where(lua_State *L, const char **source, int *line);
/// `strftime` is not needed in Swift: pushes `os.date` and `os.time` of Lua.
void homeward_lua_push_clock_functions(lua_State *L);
/// Writes a line to stderr and ends the process with exit 1, whatever its other threads do.
_Noreturn void homeward_lua_abandon(const char *line);
/// Nanoseconds of processor time that this thread has used.
uint64_t homeward_lua_thread_nanoseconds(void);
uint64_t homeward_lua_monotonic_nanoseconds(void);
/// Blocks the calling thread.
void homeward_lua_pause(uint64_t milliseconds);

// MARK: The stack. Nothing here converts a value or runs a metamethod

int homeward_lua_top(lua_State *L);
void homeward_lua_set_top(lua_State *L, int top);
bool homeward_lua_reserve(lua_State *L, int slots);
homeward_lua_type homeward_lua_type_at(lua_State *L, int index);
/// Lua's own name of the type: "function", "userdata", "thread", …
const char *homeward_lua_type_name(lua_State *L, int index);
bool homeward_lua_boolean(lua_State *L, int index);
int64_t homeward_lua_integer(lua_State *L, int index);
/// False when a number has no integer form.
bool homeward_lua_integer_form(lua_State *L, int index, int64_t *value);
double homeward_lua_number(lua_State *L, int index);
/// The bytes of a string; NULL for any other type. Valid while the value is on the stack.
const char *homeward_lua_string(lua_State *L, int index, size_t *length);
/// The address of a table, function, userdata or thread: its identity.
const void *homeward_lua_identity(lua_State *L, int index);
bool homeward_lua_raw_equal(lua_State *L, int left, int right);
/// The number of a function of ours; 0 for any other value.
int64_t homeward_lua_function_at(lua_State *L, int index);
/// The number of an object's class; 0 for any other value.
int homeward_lua_class(lua_State *L, int index);
/// Pushes the table of an object's fields.
void homeward_lua_push_fields(lua_State *L, int index);

void homeward_lua_push_nil(lua_State *L);
void homeward_lua_push_boolean(lua_State *L, bool value);
void homeward_lua_push_integer(lua_State *L, int64_t value);
void homeward_lua_push_number(lua_State *L, double value);
void homeward_lua_push_value(lua_State *L, int index);
void homeward_lua_push_globals(lua_State *L);
/// What follows allocates: only in a no-fail section.
void homeward_lua_push_string(lua_State *L, const char *bytes, size_t length);
void homeward_lua_push_table(lua_State *L, int array, int fields);
void homeward_lua_push_function(lua_State *L, int64_t function);
/// Pops the value on top into the table at `index`.
void homeward_lua_set_index(lua_State *L, int index, int64_t key);
void homeward_lua_set_field(lua_State *L, int index, const char *name, size_t length);
/// Pushes the field of the table at `index`, without metamethods.
homeward_lua_type homeward_lua_get_field(lua_State *L, int index, const char *name, size_t length);
void homeward_lua_get_index(lua_State *L, int index, int64_t key);
/// Replaces the key on top by the next key and value; false, and nothing, at the end. The key must be one of the table.
bool homeward_lua_next(lua_State *L, int index);
/// Takes the value on top into the registry, under a number that is never 0.
int homeward_lua_ref(lua_State *L);
void homeward_lua_unref(lua_State *L, int reference);
void homeward_lua_push_ref(lua_State *L, int reference);
/// Pushes the table at `index`'s metatable, or nil.
void homeward_lua_push_metatable(lua_State *L, int index);
/// Pops a table and makes it the metatable of the one at `index`.
void homeward_lua_set_metatable(lua_State *L, int index);
void homeward_lua_remove(lua_State *L, int index);
void homeward_lua_insert(lua_State *L, int index);

/// Makes class number `number` (from 1) of the three tables on top, which are popped: methods by name, declared field
/// names by name, and metamethods to be added.
void homeward_lua_class_make(lua_State *L, int number, const char *name);
/// Pops a table of fields and pushes the object of that class. Nil when there is no such class.
void homeward_lua_push_object(lua_State *L, int number);
/// Pops the table that is the metatable of errors from now on.
void homeward_lua_error_make(lua_State *L);
/// Gives the table on top the metatable of errors.
void homeward_lua_error_seal(lua_State *L);
/// Whether the value is an error that was sealed so.
bool homeward_lua_is_error(lua_State *L, int index);
