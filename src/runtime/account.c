/* SPDX-License-Identifier: MIT */
/* Error objects at length. See account.h. */
#include "runtime/account.h"

#include "runtime/error.h"

void sr_push_title(lua_State *L, int index) {
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
    sr_push_title(L, value); /* it may have left a run itself, or be its own cause */
  else
    sr_push_text(L, value);
  lua_concat(L, 3);
  if (is_error) add_traceback(L, value);
  lua_replace(L, value - 1);
  lua_settop(L, value - 1);
}

/* Errors below one that are shown with their tracebacks. */
enum { MAX_RELATED = 10 };

/* Adds the causes of the Error object at `index`, from cause to cause. [-1, +1, m] */
static void add_causes(lua_State *L, int index) {
  int text = lua_gettop(L), error = text + 1;
  lua_pushvalue(L, index);
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

/* Adds the errors of a GroupError at `index`. [-1, +1, m] */
static void add_errors(lua_State *L, int index) {
  int text = lua_gettop(L);
  lua_pushliteral(L, "errors");
  lua_rawget(L, index);
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

void sr_add_related_errors(lua_State *L, int index) {
  add_causes(L, index);
  add_errors(L, index);
}

void sr_push_account(lua_State *L, int index) {
  sr_push_title(L, index);
  add_traceback(L, index);
  sr_add_related_errors(L, index);
}
