/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime, see api.h.
*/
#include "http/api.h"

const saros_api *sr_http_saros;

void sr_http_class(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta) {
  luaL_newmetatable(L, type);
  luaL_setfuncs(L, meta, 0);
  if (methods != NULL) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}
