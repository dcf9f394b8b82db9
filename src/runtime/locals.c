/* SPDX-License-Identifier: MIT */
/* Task locals. See locals.h. */
#include "runtime/locals.h"

/* The table is on top. [-1, +0, m] */
static void set(lua_State *L, SrTask *t) {
  bool has = !lua_isnil(L, -1);
  sr_anchor_set(L, &t->has_locals);
  t->has_locals = has;
}

void sr_locals_inherit(lua_State *L, SrTask *t, SrTask *from) {
  sr_anchor_get(L, &from->has_locals);
  set(L, t);
}

void sr_locals_drop(lua_State *L, SrTask *t) {
  lua_pushnil(L);
  set(L, t);
}

/* --- bound functions ---------------------------------------------------------- */

enum { BOUND_RUNTIME = 1, BOUND_FUNCTION, BOUND_LOCALS };

static int k_bound(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

static int l_bound(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(BOUND_LOCALS));
  set(L, ((SrRuntime *)lua_touserdata(L, lua_upvalueindex(BOUND_RUNTIME)))->current);
  lua_pushvalue(L, lua_upvalueindex(BOUND_FUNCTION));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, k_bound);
  return k_bound(L, LUA_OK, 0);
}

void sr_locals_bind(lua_State *L, SrRuntime *rt, int index) {
  SrTask *t = sr_current_task(rt);
  if (t == NULL || !t->has_locals) return;
  index = lua_absindex(L, index);
  lua_pushlightuserdata(L, rt);
  lua_pushvalue(L, index);
  sr_anchor_get(L, &t->has_locals);
  lua_pushcclosure(L, l_bound, BOUND_LOCALS);
  lua_replace(L, index);
}

/* --- Lua functions ------------------------------------------------------------ */

int sr_l_locals(lua_State *L) {
  SrTask *t = sr_current_task(sr_rt(L));
  if (t == NULL || !t->has_locals) return 0;
  sr_anchor_get(L, &t->has_locals);
  return 1;
}

int sr_l_set_locals(lua_State *L) {
  SrTask *t = sr_current_task(sr_rt(L));
  lua_settop(L, 1);
  if (t != NULL) set(L, t);
  return 0;
}
