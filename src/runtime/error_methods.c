/* SPDX-License-Identifier: MIT */
/* Errors as Lua sees them: is_error, error, pcall, and the methods of Error objects. */
#include "runtime/error_methods.h"

#include "runtime/account.h"
#include "runtime/cancel.h"
#include "runtime/error.h"
#include "runtime/lazy.h"
#include "runtime/object.h"
#include "runtime/stack.h"

/* Keys in the registry: of the list of names, and of the weak set of the errors that have left a run. */
static const char names_key, left_key;

/* --- texts -------------------------------------------------------------------- */

static bool has_left(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &left_key);
  lua_pushvalue(L, 1);
  bool has = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return has;
}

void sr_mark_left(lua_State *L) {
  if (!sr_is_error(L, -1)) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &left_key);
  lua_pushvalue(L, -2);
  lua_pushboolean(L, true);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* "NAME: message"; of an error that has left a run, which is what `lua` prints, also where it came from. */
static int l_tostring(lua_State *L) {
  if (!lua_istable(L, 1)) return sr_type_error(L, "tostring", 1, 1, "Error");
  lua_settop(L, 1);
  if (has_left(L))
    sr_push_account(L, 1);
  else
    sr_push_title(L, 1);
  return 1;
}

int sr_l_account(lua_State *L) {
  sr_push_account(L, 1);
  return 1;
}

/* --- what programs call ------------------------------------------------------- */

/* Whether the table at -1 is an Error object of the name at `name`. */
static bool has_name(lua_State *L, int name) {
  lua_pushliteral(L, "name");
  lua_rawget(L, -2);
  bool same = lua_rawequal(L, -1, name);
  lua_pop(L, 1);
  return same;
}

int sr_l_is_error(lua_State *L) {
  if (lua_gettop(L) < 1) return sr_type_error(L, "is_error", 1, 1, "value");
  if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING) return sr_type_error(L, "is_error", 2, 2, "string");
  bool is = sr_is_error(L, 1);
  if (is && !lua_isnoneornil(L, 2)) {
    lua_pushvalue(L, 1);
    is = has_name(L, 2);
  }
  lua_pushboolean(L, is);
  return 1;
}

static void check_string_field(lua_State *L, const char *field, bool optional) {
  int type = lua_getfield(L, 1, field);
  if (type != LUA_TSTRING && !(optional && type == LUA_TNIL))
    sr_arg_error(L, "error", 1, "field '%s' must be a string, got %s", field, luaL_typename(L, -1));
  lua_pop(L, 1);
}

int sr_l_error(lua_State *L) {
  sr_check_table(L, "error", 1, 1);
  check_string_field(L, "name", false);
  check_string_field(L, "message", true);
  lua_createtable(L, 0, 6);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  int error = lua_gettop(L);
  if (lua_getfield(L, error, "traceback") == LUA_TNIL) {
    sr_push_here(L);
    lua_setfield(L, error, "traceback");
  }
  if (lua_getfield(L, error, "message") == LUA_TNIL) {
    lua_pushliteral(L, "");
    lua_setfield(L, error, "message");
  }
  lua_settop(L, error);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_error_key);
  lua_setmetatable(L, error);
  return 1;
}

/* --- protected calls ---------------------------------------------------------- */

/*
** Whether the error on top is a cancellation that holds, or ends a coroutine that is being closed. One whose scope has
** been left is an ordinary error.
*/
static bool is_held_cancel(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  uint64_t serial;
  if (t == NULL) return false;
  bool is_closing = t->inner != NULL && t->inner->is_closing;
  return (t->current->cause != NULL || is_closing) && sr_is_own_cancel(L, -1, t, &serial);
}

static int k_pcall(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L);
  if (is_held_cancel(L)) return lua_error(L);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

int sr_l_pcall(lua_State *L) {
  if (lua_gettop(L) < 1) return sr_type_error(L, "pcall", 1, 1, "value");
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  return k_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, k_pcall), 0);
}

/* The frame of catch. What stands from CATCH_OK on is returned. */
enum { CATCH_NAMES = 1, CATCH_HANDLER, CATCH_OK };

/* Whether the Error object on top has the name, or one of those in the list, at CATCH_NAMES. */
static bool is_wanted(lua_State *L) {
  if (!lua_istable(L, CATCH_NAMES)) return has_name(L, CATCH_NAMES);
  lua_Integer count = (lua_Integer)lua_rawlen(L, CATCH_NAMES);
  int error = lua_gettop(L);
  bool is = false;
  for (lua_Integer i = 1; i <= count && !is; i++) {
    lua_rawgeti(L, CATCH_NAMES, i);
    lua_pushvalue(L, error);
    is = has_name(L, error + 1);
    lua_settop(L, error);
  }
  return is;
}

/* What passes keeps the traceback of where it arose: the handler has recorded it. */
static int k_catch(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - CATCH_OK + 1;
  if (!sr_is_error(L, -1) || is_held_cancel(L) || !is_wanted(L)) return lua_error(L);
  lua_pushboolean(L, 0);
  lua_replace(L, CATCH_OK);
  return 2;
}

static void check_names(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) return;
  if (!lua_istable(L, 1)) sr_type_error(L, "catch", 1, 1, "string or list of strings");
  lua_Integer count = sr_check_list(L, "catch", 1, 1, NULL);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, 1, i) != LUA_TSTRING)
      sr_arg_error(L, "catch", 1, "item %I: string expected, got %s", (LUAI_UACINT)i, luaL_typename(L, -1));
    lua_pop(L, 1);
  }
}

int sr_l_catch(lua_State *L) {
  check_names(L);
  if (!lua_isfunction(L, 2) && luaL_getmetafield(L, 2, "__call") == LUA_TNIL)
    sr_type_error(L, "catch", 2, 2, "function");
  if (!lua_isfunction(L, 2)) lua_pop(L, 1);
  int nargs = lua_gettop(L) - 2;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_insert(L, CATCH_HANDLER);
  lua_pushboolean(L, 1);
  lua_insert(L, CATCH_OK);
  return k_catch(L, lua_pcallk(L, nargs, LUA_MULTRET, CATCH_HANDLER, 0, k_catch), 0);
}

/* --- find ----------------------------------------------------------------------- */

/* How many errors the list on top has: its length, or `n` if it has one. Whatever else is there has none. */
static lua_Integer count_listed(lua_State *L) {
  if (!lua_istable(L, -1)) return 0;
  lua_pushliteral(L, "n");
  lua_rawget(L, -2);
  lua_Integer count = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : (lua_Integer)lua_rawlen(L, -2);
  lua_pop(L, 1);
  return count;
}

int sr_l_group_message(lua_State *L) {
  lua_settop(L, 1);
  uint32_t count = (uint32_t)count_listed(L);
  lua_pushnil(L);
  lua_setfield(L, 1, "n");
  sr_push_group_message(L, 1, count);
  return 1;
}

/* The frame of find: (error, name, errors that are still to be looked at, lists that have been). */
enum { FIND_NAME = 2, FIND_WORK, FIND_SEEN };

/* Whether the list on top has not been seen before, as it has from now on. [-0, +0, m] */
static bool is_new(lua_State *L) {
  lua_pushvalue(L, -1);
  bool is = lua_rawget(L, FIND_SEEN) == LUA_TNIL;
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushboolean(L, true);
  lua_rawset(L, FIND_SEEN);
  return is;
}

/*
** Takes the error on top, and adds those that it has to the `count` that are still to be looked at, so that the first
** of them comes next. Returns how many there are now. [-1, +0, m]
*/
static lua_Integer add_work(lua_State *L, lua_Integer count) {
  lua_pushliteral(L, "errors");
  lua_rawget(L, -2);
  lua_Integer listed = count_listed(L);
  if (listed > 0 && !is_new(L)) listed = 0;
  for (; listed > 0; listed--) {
    lua_rawgeti(L, -1, listed);
    if (sr_is_error(L, -1))
      lua_rawseti(L, FIND_WORK, ++count);
    else
      lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return count;
}

/* Depth first. It does not call itself, as errors may nest to any depth, and even contain themselves. */
static int find_in(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_Integer count = add_work(L, 0);
  while (count > 0) {
    lua_rawgeti(L, FIND_WORK, count--);
    if (has_name(L, FIND_NAME)) return 1;
    count = add_work(L, count);
  }
  return lua_pushnil(L), 1;
}

/* error:find(name): the first error of that name below a GroupError, in all depths, or nil. */
static int l_find(lua_State *L) {
  if (!sr_is_error(L, 1)) return luaL_error(L, "calling 'find' on bad self (Error expected)");
  if (lua_type(L, 2) != LUA_TSTRING) return sr_type_error(L, "error:find", 2, 1, "string");
  lua_settop(L, FIND_NAME);
  lua_newtable(L);
  lua_newtable(L);
  return find_in(L);
}

/* --- opening -------------------------------------------------------------------- */

/* Fields with these names are looked up where raising would do harm. While the strings exist that takes no memory. */
static const char *const field_names[] = {"name", "message", "code", "task", "errors", "n", NULL};

static void keep_names(lua_State *L) {
  lua_newtable(L);
  for (lua_Integer i = 0; field_names[i] != NULL; i++) {
    lua_pushstring(L, field_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

void sr_open_error(lua_State *L) {
  static const luaL_Reg methods[] = {{"find", l_find}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  lua_newtable(L);
  lua_pushliteral(L, "Error");
  lua_setfield(L, -2, "__name");
  sr_set_functions(L, meta);
  lua_newtable(L);
  sr_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  sr_set_lazy_method(L, "find_all", "saros.group_error", "find_all");
  sr_set_lazy_method(L, "split", "saros.group_error", "split");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_error_key);
  keep_names(L);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &left_key);
}
