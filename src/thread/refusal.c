/* SPDX-License-Identifier: MIT */
/* Ways to what cannot be copied, see refusal.h. */
#include "thread/refusal.h"

#include <lauxlib.h>

#include "thread/library.h"

/* Longer ways are told from their end. */
enum { MOST_STEPS = 10 };

void sr_thread_push_field(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING)
    lua_pushfstring(L, "field '%s'", lua_tostring(L, index));
  else if (lua_isinteger(L, index))
    lua_pushfstring(L, "item %I", (LUAI_UACINT)lua_tointeger(L, index));
  else
    lua_pushliteral(L, "a field");
}

/* The step from the table at `table` to the object at `object`. [-0, +1, m] */
static void push_table_step(lua_State *L, int table, int object) {
  int top = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (lua_rawequal(L, -1, object)) {
      sr_thread_push_field(L, top + 1);
      break;
    }
    lua_pop(L, 1);
  }
  if (lua_gettop(L) == top)
    lua_pushliteral(L, "a key or metatable");
  else
    lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

static void push_upvalue_step(lua_State *L, int function, int object) {
  int top = lua_gettop(L);
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, function, i)) != NULL; i++) {
    if (lua_rawequal(L, -1, object)) break;
    lua_settop(L, top);
  }
  lua_pushfstring(L, "upvalue '%s'", name != NULL ? name : "?");
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

/* Puts the step from `parent` to the object `child` before the text on top. [-1, +1, m] */
static void prepend_step(lua_State *L, SrThreadTrail trail, lua_Integer parent, lua_Integer child) {
  int text = lua_gettop(L);
  lua_rawgeti(L, trail.objects, parent);
  lua_rawgeti(L, trail.objects, child);
  if (lua_istable(L, text + 1))
    push_table_step(L, text + 1, text + 2);
  else
    push_upvalue_step(L, text + 1, text + 2);
  lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), lua_tostring(L, text));
  lua_replace(L, text);
  lua_settop(L, text);
}

static lua_Integer parent_of(lua_State *L, SrThreadTrail trail, lua_Integer object) {
  lua_rawgeti(L, trail.parents, object);
  lua_Integer parent = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return parent;
}

/* "a userdata (FILE*) cannot be copied to another thread" [-0, +1, m] */
static void push_reason(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type == LUA_TUSERDATA && luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
    lua_pushfstring(L, "a userdata (%s) cannot be copied to another thread", lua_tostring(L, -1));
    lua_replace(L, -2);
    return;
  }
  const char *what = type == LUA_TTHREAD ? "coroutine" : type == LUA_TFUNCTION ? "C function" : luaL_typename(L, index);
  lua_pushfstring(L, "a %s cannot be copied to another thread", what);
}

int sr_thread_refuse(lua_State *L, SrThreadTrail trail, uint32_t owner, int index) {
  lua_Integer at = (lua_Integer)owner, parent = 0;
  int steps = 0;
  sr_thread_check_stack(L, 0);
  for (; at > 0 && (parent = parent_of(L, trail, at)) > 0; at = parent)
    if (++steps <= MOST_STEPS) prepend_step(L, trail, parent, at);
  push_reason(L, index);
  lua_pushfstring(L, "%s%s%s%s", steps > MOST_STEPS ? "..., " : "", lua_tostring(L, -2), owner > 0 ? ": " : "",
                  lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
  return owner > 0 ? (int)-parent : 0;
}
