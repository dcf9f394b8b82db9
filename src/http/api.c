/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime, see api.h.
*/
#include "http/api.h"

const saros_api *sr_http_saros;

void sr_http_class(lua_State *L, const SrHttpType *type, const luaL_Reg *methods, const luaL_Reg *meta) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, type) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushstring(L, type->name);
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, type);
  }
  luaL_setfuncs(L, meta, 0);
  if (methods != NULL) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

void sr_http_set_type(lua_State *L, const SrHttpType *type) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, type);
  lua_setmetatable(L, -2);
}

void *sr_http_check(lua_State *L, int index, const SrHttpType *type) {
  const SrHttpType **object = lua_touserdata(L, index);
  if (object == NULL || lua_rawlen(L, index) < sizeof *object || *object != type) /* light userdata has no length */
    luaL_typeerror(L, index, type->name);
  return (void *)object;
}
