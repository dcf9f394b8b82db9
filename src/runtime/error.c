/* SPDX-License-Identifier: MIT */
/* Error objects. See error.h. */
#include "runtime/error.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/debug.h"
#include "runtime/runtime.h"
#include "runtime/trace.h"

/* Key of the metatable in the registry, of the serial of its cause in a CancelledError, of the list of names,
   and of the weak set of the errors that have left a run. */
static const char meta_key, cause_key, names_key, left_key;

/* The names of fields that are looked up where raising would do harm: as long as they exist that takes no memory. */
static const char *const field_names[] = {"name", "message", "code", "task", "errors", "n", NULL};

static void push_error_args(lua_State *L, const char *name, const char *code, const char *format, va_list args) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushvfstring(L, format, args);
  lua_setfield(L, -2, "message");
  sr_push_here(L);
  lua_setfield(L, -2, "traceback");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, -2);
}

void sr_push_error(lua_State *L, const char *name, const char *code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  push_error_args(L, name, code, format, args);
  va_end(args);
}

void sr_api_push_error(lua_State *L, const char *name, const char *code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  push_error_args(L, name, code, format, args);
  va_end(args);
}

uint64_t sr_scope_serial(const SrScope *scope) {
  if (scope->kind == SR_SCOPE_RUN || scope->kind == SR_SCOPE_TASK) return 0;
  return ((const SrBlock *)(const void *)scope)->serial;
}

/* The serial of no block: a finalizer has closed the one that was cancelled, so nobody takes the error for its own. */
static const uint64_t NO_SERIAL = INT64_MAX;

void sr_push_cancelled(lua_State *L, SrTask *t) {
  sr_push_cancelled_by(L, t, t->current->cause);
}

/* Pushes why a scope is cancelled, as its message says it, or nil. The reason, or nil, is on top. [-0, +1, m] */
static void push_cause(lua_State *L, const SrScope *cause) {
  if (lua_type(L, -1) == LUA_TSTRING)
    lua_pushvalue(L, -1);
  else if (cause != NULL && cause->kind == SR_SCOPE_TIMEOUT && ((const SrBlock *)(const void *)cause)->expired) {
    sr_push_place(L, cause);
    lua_pushfstring(L, "the deadline set at %s has passed", lua_tostring(L, -1));
    lua_replace(L, -2);
  } else
    lua_pushnil(L);
}

void sr_push_cancelled_by(lua_State *L, SrTask *t, const SrScope *cause) {
  uint64_t serial = cause != NULL ? sr_scope_serial(cause) : NO_SERIAL;
  if (cause != NULL)
    sr_scope_push_reason(L, cause);
  else
    lua_pushnil(L);
  push_cause(L, cause);
  if (lua_isnil(L, -1))
    sr_push_error(L, "CancelledError", "ECANCELED", "cancelled");
  else
    sr_push_error(L, "CancelledError", "ECANCELED", "cancelled: %s", lua_tostring(L, -1));
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "reason");
  sr_push_task(L, t);
  lua_setfield(L, -2, "task");
  lua_pushinteger(L, (lua_Integer)serial);
  lua_rawsetp(L, -2, &cause_key);
  if (t->rt->debug) sr_debug_cancelled(L, t, serial);
}

bool sr_is_error(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

bool sr_is_own_cancel(lua_State *L, int index, const SrTask *t, uint64_t *serial) {
  index = lua_absindex(L, index);
  if (!sr_is_error(L, index)) return false;
  lua_rawgetp(L, index, &cause_key);
  bool is_cancel = lua_isinteger(L, -1);
  *serial = (uint64_t)lua_tointeger(L, -1);
  lua_pushliteral(L, "task");
  lua_rawget(L, index);
  is_cancel = is_cancel && sr_test_task(L, -1) == t;
  lua_pop(L, 2);
  return is_cancel;
}

/* The field exists: that takes no memory. */
void sr_set_cancel_cause(lua_State *L, int index, const SrScope *cause) {
  index = lua_absindex(L, index);
  lua_pushinteger(L, (lua_Integer)sr_scope_serial(cause));
  lua_rawsetp(L, index, &cause_key);
}

bool sr_is_cancel_by(lua_State *L, int index, const SrTask *t, const SrScope *cause) {
  uint64_t serial;
  return sr_is_own_cancel(L, index, t, &serial) && serial == sr_scope_serial(cause);
}

static int l_to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

void sr_push_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushcfunction(L, l_to_text);
  lua_pushvalue(L, index);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "(a %s whose __tostring fails)", luaL_typename(L, index));
}

/* --- GroupError ------------------------------------------------------------- */

/* Where one of the errors is nil, the length of the list is no use: then it has `n`. */
static void count_errors(lua_State *L, int errors, uint32_t count) {
  bool has_nil = false;
  for (uint32_t i = 1; i <= count && !has_nil; i++) {
    has_nil = lua_rawgeti(L, errors, i) == LUA_TNIL;
    lua_pop(L, 1);
  }
  if (!has_nil) return;
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, errors, "n");
}

/* As much of the text of an error as the message of a GroupError quotes: half of it from either end. */
enum { MAX_QUOTED = 1000 };

/* The end of the first `length` bytes of a text, or before it where that would cut a character of UTF-8. */
static size_t whole_characters(const char *text, size_t length) {
  while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
  return length;
}

/*
** Cuts the text on top. Groups nest, and each quotes the one inside: uncut, the messages of deep ones would be as long
** as they are deep. The end is what the innermost error says.
*/
static void shorten(lua_State *L) {
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (length <= MAX_QUOTED) return;
  size_t head = whole_characters(text, MAX_QUOTED / 2), tail = whole_characters(text, length - MAX_QUOTED / 2);
  lua_pushlstring(L, text, head);
  lua_pushliteral(L, " ... ");
  lua_pushlstring(L, text + tail, length - tail);
  lua_concat(L, 3);
  lua_replace(L, -2);
}

/* Pushes its message. [-0, +1, m] */
static void push_group_message(lua_State *L, int errors, uint32_t count) {
  lua_rawgeti(L, errors, 1);
  sr_push_text(L, -1);
  shorten(L);
  const char *first = lua_tostring(L, -1);
  if (count == 1)
    lua_pushfstring(L, "a task of the group failed: %s", first);
  else
    lua_pushfstring(L, "%I tasks of the group failed, the first: %s", (LUAI_UACINT)count, first);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_push_group_error(lua_State *L, int errors, uint32_t count) {
  count_errors(L, errors, count);
  push_group_message(L, errors, count);
  sr_push_error(L, "GroupError", "EGROUP", "%s", lua_tostring(L, -1));
  lua_pushvalue(L, errors);
  lua_setfield(L, -2, "errors");
  lua_replace(L, -2);
}

/* Whether the table at -1 is an Error object of the name at `name`. */
static bool has_name(lua_State *L, int name) {
  lua_pushliteral(L, "name");
  lua_rawget(L, -2);
  bool same = lua_rawequal(L, -1, name);
  lua_pop(L, 1);
  return same;
}

/* How many errors the list on top has: see count_errors. Whatever else is there has none. */
static lua_Integer count_listed(lua_State *L) {
  if (!lua_istable(L, -1)) return 0;
  lua_pushliteral(L, "n");
  lua_rawget(L, -2);
  lua_Integer count = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : (lua_Integer)lua_rawlen(L, -2);
  lua_pop(L, 1);
  return count;
}

/* The frame of find: (error, name, lists that are being looked through, lists that have been, the present list). */
enum { FIND_NAME = 2, FIND_TRAIL, FIND_SEEN, FIND_LIST };

/* Puts the list of the error on top in the place of the present one; returns its length, 0 if it has been seen. */
static lua_Integer enter_list(lua_State *L) {
  lua_pushliteral(L, "errors");
  lua_rawget(L, -2);
  lua_replace(L, FIND_LIST);
  lua_settop(L, FIND_LIST);
  lua_Integer count = count_listed(L);
  if (count == 0) return 0;
  lua_pushvalue(L, FIND_LIST);
  bool is_new = lua_rawget(L, FIND_SEEN) == LUA_TNIL;
  lua_pushvalue(L, FIND_LIST);
  lua_pushboolean(L, true);
  lua_rawset(L, FIND_SEEN);
  lua_settop(L, FIND_LIST);
  return is_new ? count : 0;
}

/* Depth first, and not recursive: nobody says how deep the errors nest, or that they do not contain themselves. */
static int find_in(lua_State *L) {
  lua_Integer depth = 0, index = 0, count = enter_list(L);
  for (;;) {
    if (index < count) {
      lua_rawgeti(L, FIND_LIST, ++index);
      if (!sr_is_error(L, -1)) {
        lua_pop(L, 1);
        continue;
      }
      if (has_name(L, FIND_NAME)) return 1;
      lua_pushvalue(L, FIND_LIST);
      lua_rawseti(L, FIND_TRAIL, ++depth);
      lua_pushinteger(L, index);
      lua_rawseti(L, FIND_TRAIL, -depth);
      index = 0;
      count = enter_list(L);
      continue;
    }
    if (depth == 0) return lua_pushnil(L), 1;
    lua_rawgeti(L, FIND_TRAIL, -depth);
    index = lua_tointeger(L, -1);
    lua_rawgeti(L, FIND_TRAIL, depth--);
    lua_replace(L, FIND_LIST);
    lua_settop(L, FIND_LIST);
    count = count_listed(L);
  }
}

/* error:find(name): the first error of that name below a GroupError, in all depths, or nil. */
static int l_find(lua_State *L) {
  if (!sr_is_error(L, 1)) return luaL_error(L, "calling 'find' on bad self (Error expected)");
  if (lua_type(L, 2) != LUA_TSTRING) return sr_type_error(L, "error:find", 2, 1, "string");
  lua_settop(L, FIND_NAME);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushnil(L);
  lua_pushvalue(L, 1);
  return find_in(L);
}

/* --- Lua functions ---------------------------------------------------------- */

/* Pushes "NAME: message" of the Error object at `index`. */
static void push_title(lua_State *L, int index) {
  int top = lua_gettop(L);
  lua_pushliteral(L, "name");
  lua_rawget(L, index);
  luaL_tolstring(L, -1, NULL);
  lua_pushliteral(L, "message");
  lua_rawget(L, index);
  if (!lua_isnil(L, -1)) {
    luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, top + 2), lua_tostring(L, -1));
    lua_replace(L, top + 2);
  }
  lua_settop(L, top + 2);
  lua_remove(L, top + 1);
}

/* Puts the traceback of the Error object at `index` below the text on top, if it has one. [-1, +1, m] */
static void add_traceback(lua_State *L, int index) {
  lua_pushliteral(L, "\n");
  lua_pushliteral(L, "traceback");
  lua_rawget(L, index);
  if (lua_type(L, -1) == LUA_TSTRING)
    lua_concat(L, 3);
  else
    lua_pop(L, 2);
}

/* Puts the error value on top, with what it has of a traceback, below the text under it. [-2, +1, m] */
static void add_related(lua_State *L, const char *heading) {
  int value = lua_gettop(L);
  lua_pushvalue(L, value - 1);
  lua_pushstring(L, heading);
  bool is_error = sr_is_error(L, value);
  if (is_error)
    push_title(L, value); /* it may have left a run itself, or be its own cause */
  else
    sr_push_text(L, value);
  lua_concat(L, 3);
  if (is_error) add_traceback(L, value);
  lua_replace(L, value - 1);
  lua_settop(L, value - 1);
}

/* Errors below one that has left a run which are shown with their tracebacks. */
enum { MAX_RELATED = 10 };

/* Adds the causes of the Error object at index 1, from cause to cause. [-1, +1, m] */
static void add_causes(lua_State *L) {
  int text = lua_gettop(L), error = text + 1;
  lua_pushvalue(L, 1);
  for (int i = 0; i < MAX_RELATED && sr_is_error(L, error); i++) {
    lua_pushliteral(L, "cause");
    lua_rawget(L, error);
    lua_replace(L, error);
    if (lua_isnil(L, error)) break;
    lua_pushvalue(L, text);
    lua_pushvalue(L, error);
    add_related(L, "\ncaused by: ");
    lua_replace(L, text);
  }
  lua_settop(L, text);
}

/* Adds the errors of a GroupError at index 1. [-1, +1, m] */
static void add_errors(lua_State *L) {
  int text = lua_gettop(L);
  lua_pushliteral(L, "errors");
  lua_rawget(L, 1);
  int list = text + 1;
  lua_Integer count = lua_istable(L, list) ? (lua_Integer)lua_rawlen(L, list) : 0;
  for (lua_Integer i = 1; i <= count && i <= MAX_RELATED; i++) {
    lua_pushfstring(L, "\nerror %I of %I: ", (LUAI_UACINT)i, (LUAI_UACINT)count);
    lua_pushvalue(L, text);
    lua_rawgeti(L, list, i);
    add_related(L, lua_tostring(L, list + 1));
    lua_replace(L, text);
    lua_settop(L, list);
  }
  lua_settop(L, text);
}

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
  push_title(L, 1);
  if (!has_left(L)) return 1;
  add_traceback(L, 1);
  add_causes(L);
  add_errors(L);
  return 1;
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
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, error);
  return 1;
}

/* group_message(errors): that of a GroupError over this list, whose `n` goes unless one of them is nil. */
int sr_l_group_message(lua_State *L) {
  lua_settop(L, 1);
  uint32_t count = (uint32_t)count_listed(L);
  lua_pushnil(L);
  lua_setfield(L, 1, "n");
  count_errors(L, 1, count);
  push_group_message(L, 1, count);
  return 1;
}

/* --- protected calls ---------------------------------------------------------- */

/* Whether the error on top is a cancellation that still holds; one that was caught outside its scope is an ordinary error. */
static bool is_held_cancel(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  uint64_t serial;
  return t != NULL && t->current->cause != NULL && sr_is_own_cancel(L, -1, t, &serial);
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
  lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
  keep_names(L);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &left_key);
}
