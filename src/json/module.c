/* SPDX-License-Identifier: MIT */
/* saros.json.core: JSON read and written, for lua/saros/json.lua. */
#include "base/resident.h"
#include "json/api.h"
#include "json/decode.h"
#include "json/encode.h"

enum { UPVALUES = 4 };

/* functions(array, empty, plain): encode and decode, with what SR_JSON_ARRAY and its like say. [-0, +2, m] */
static int l_functions(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  lua_pushlightuserdata(L, sr_json_saros->runtime(L));
  lua_insert(L, 1);
  for (int i = 1; i <= UPVALUES; i++) lua_pushvalue(L, i);
  lua_pushcclosure(L, sr_json_l_encode, UPVALUES);
  lua_insert(L, 1);
  lua_pushcclosure(L, sr_json_l_decode, UPVALUES);
  return 2;
}

SAROS_EXPORT int luaopen_saros_json_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_json_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"functions", l_functions}, {NULL, NULL}};
  sr_stay_loaded();
  sr_json_saros = saros_open(L);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
