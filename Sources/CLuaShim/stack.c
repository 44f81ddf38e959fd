#include "host.h"

/* The stack as Swift sees it, and objects. */

static const char classes_key;
static const char error_key;

int homeward_lua_top(lua_State *L) { return lua_gettop(L); }
void homeward_lua_set_top(lua_State *L, int top) { lua_settop(L, top); }
bool homeward_lua_reserve(lua_State *L, int slots) { return lua_checkstack(L, slots); }

homeward_lua_type homeward_lua_type_at(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL: return HOMEWARD_LUA_NIL;
    case LUA_TBOOLEAN: return HOMEWARD_LUA_BOOLEAN;
    case LUA_TNUMBER: return lua_isinteger(L, index) ? HOMEWARD_LUA_INTEGER : HOMEWARD_LUA_NUMBER;
    case LUA_TSTRING: return HOMEWARD_LUA_STRING;
    case LUA_TTABLE: return HOMEWARD_LUA_TABLE;
    case LUA_TFUNCTION: return HOMEWARD_LUA_FUNCTION;
    case LUA_TUSERDATA: return homeward_lua_class(L, index) ? HOMEWARD_LUA_OBJECT : HOMEWARD_LUA_OTHER;
    default: return HOMEWARD_LUA_OTHER;
    }
}

const char *homeward_lua_type_name(lua_State *L, int index) { return lua_typename(L, lua_type(L, index)); }
bool homeward_lua_boolean(lua_State *L, int index) { return lua_toboolean(L, index); }
int64_t homeward_lua_integer(lua_State *L, int index) { return lua_tointegerx(L, index, NULL); }

bool homeward_lua_integer_form(lua_State *L, int index, int64_t *value) {
    int is_integer = 0;
    if (lua_type(L, index) != LUA_TNUMBER) return false;
    lua_Integer integer = lua_tointegerx(L, index, &is_integer);
    *value = integer;
    return is_integer;
}

double homeward_lua_number(lua_State *L, int index) { return lua_tonumberx(L, index, NULL); }

/* lua_tolstring would convert a number in place, and with it break a walk: so only strings. */
const char *homeward_lua_string(lua_State *L, int index, size_t *length) {
    return lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, length) : NULL;
}

const void *homeward_lua_identity(lua_State *L, int index) { return lua_topointer(L, index); }
bool homeward_lua_raw_equal(lua_State *L, int left, int right) { return lua_rawequal(L, left, right); }

int64_t homeward_lua_function_at(lua_State *L, int index) {
    if (lua_tocfunction(L, index) != trampoline || !lua_getupvalue(L, index, 1)) return 0;
    int64_t number = lua_tointegerx(L, -1, NULL);
    lua_pop(L, 1);
    return number;
}

void homeward_lua_push_nil(lua_State *L) { lua_pushnil(L); }
void homeward_lua_push_boolean(lua_State *L, bool value) { lua_pushboolean(L, value); }
void homeward_lua_push_integer(lua_State *L, int64_t value) { lua_pushinteger(L, value); }
void homeward_lua_push_number(lua_State *L, double value) { lua_pushnumber(L, value); }
void homeward_lua_push_value(lua_State *L, int index) { lua_pushvalue(L, index); }
void homeward_lua_push_globals(lua_State *L) { lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); }
void homeward_lua_push_string(lua_State *L, const char *bytes, size_t length) { lua_pushlstring(L, bytes, length); }
void homeward_lua_push_table(lua_State *L, int array, int fields) { lua_createtable(L, array, fields); }

void homeward_lua_push_function(lua_State *L, int64_t function) {
    lua_pushinteger(L, function);
    lua_pushcclosure(L, trampoline, 1);
}

void homeward_lua_set_index(lua_State *L, int index, int64_t key) { lua_rawseti(L, index, key); }

void homeward_lua_set_field(lua_State *L, int index, const char *name, size_t length) {
    index = lua_absindex(L, index);
    lua_pushlstring(L, name, length);
    lua_insert(L, -2);
    lua_rawset(L, index);
}

homeward_lua_type homeward_lua_get_field(lua_State *L, int index, const char *name, size_t length) {
    index = lua_absindex(L, index);
    lua_pushlstring(L, name, length);
    lua_rawget(L, index);
    return homeward_lua_type_at(L, -1);
}

void homeward_lua_get_index(lua_State *L, int index, int64_t key) { lua_rawgeti(L, index, key); }

/* lua_next raises only for a key that the table does not have; this one it has just given. */
bool homeward_lua_next(lua_State *L, int index) { return lua_next(L, index); }

int homeward_lua_ref(lua_State *L) {
    /* Nil has no reference of its own. */
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 0);
    }
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void homeward_lua_unref(lua_State *L, int reference) { luaL_unref(L, LUA_REGISTRYINDEX, reference); }
void homeward_lua_push_ref(lua_State *L, int reference) { lua_rawgeti(L, LUA_REGISTRYINDEX, reference); }

void homeward_lua_push_metatable(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) lua_pushnil(L);
}

void homeward_lua_set_metatable(lua_State *L, int index) { lua_setmetatable(L, index); }
void homeward_lua_remove(lua_State *L, int index) { lua_remove(L, index); }
void homeward_lua_insert(lua_State *L, int index) { lua_insert(L, index); }

/* MARK: Objects */

/* The registry's table of classes: number → metatable, metatable → number. */
static bool push_classes(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &classes_key) == LUA_TTABLE) return true;
    lua_pop(L, 1);
    return false;
}

int homeward_lua_class(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return 0;
    int number = 0;
    if (push_classes(L)) {
        lua_insert(L, -2);
        lua_rawget(L, -2);
        number = (int)lua_tointegerx(L, -1, NULL);
        lua_pop(L, 2);
    } else {
        lua_pop(L, 1);
    }
    return number;
}

void homeward_lua_push_fields(lua_State *L, int index) { lua_getiuservalue(L, index, 1); }

/* Upvalues: methods, names of the declared fields, and what raises for a name that is neither. */
static int object_index(lua_State *L) {
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    if (lua_type(L, 1) == LUA_TUSERDATA && lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, -2) != LUA_TNIL) return 1;
    }
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
        lua_pushnil(L); /* declared, and left out here */
        return 1;
    }
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

void homeward_lua_class_make(lua_State *L, int number, const char *name) {
    /* Stack: methods, fields, metamethods. */
    int methods = lua_gettop(L) - 2;
    lua_pushvalue(L, methods);
    lua_pushvalue(L, methods + 1);
    lua_pushliteral(L, "__index");
    lua_rawget(L, methods + 2); /* given: what raises */
    lua_pushcclosure(L, object_index, 3);
    homeward_lua_set_field(L, methods + 2, "__index", 7);
    lua_pushboolean(L, 0);
    homeward_lua_set_field(L, methods + 2, "__metatable", 11);
    lua_pushstring(L, name);
    homeward_lua_set_field(L, methods + 2, "__name", 6);
    if (!push_classes(L)) {
        lua_createtable(L, 0, 0);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &classes_key);
    }
    lua_pushvalue(L, methods + 2);
    lua_pushinteger(L, number);
    lua_rawset(L, -3);
    lua_pushvalue(L, methods + 2);
    lua_rawseti(L, -2, number);
    lua_settop(L, methods - 1);
}

void homeward_lua_push_object(lua_State *L, int number) {
    if (push_classes(L)) {
        lua_rawgeti(L, -1, number);
        lua_remove(L, -2);
        if (lua_type(L, -1) == LUA_TTABLE) {
            lua_newuserdatauv(L, 0, 1);
            lua_rotate(L, -3, -1); /* metatable, object, fields */
            lua_setiuservalue(L, -2, 1);
            lua_insert(L, -2);
            lua_setmetatable(L, -2);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

void homeward_lua_error_make(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key); }

void homeward_lua_error_seal(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key) == LUA_TTABLE) lua_setmetatable(L, -2);
    else lua_pop(L, 1);
}

bool homeward_lua_is_error(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
    bool equal = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return equal;
}
