/* SPDX-License-Identifier: MIT */
/* Functions written in Lua. See entry.h. */
#include "runtime/entry.h"

#include "runtime/place.h"

static int k_entry(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

/* Its upvalues: the function, the runtime. */
int sr_l_entry(lua_State *L) {
  ((SrRuntime *)lua_touserdata(L, lua_upvalueindex(2)))->given = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, k_entry);
  return k_entry(L, LUA_OK, 0);
}

int sr_l_entry_of(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushlightuserdata(L, sr_rt(L));
  lua_pushcclosure(L, sr_l_entry, 2);
  return 1;
}

int sr_l_given(lua_State *L) {
  lua_pushinteger(L, sr_rt(L)->given);
  return 1;
}

int sr_l_misuse(lua_State *L) {
  sr_push_position(L);
  lua_pushvalue(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}
