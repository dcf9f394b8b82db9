/* SPDX-License-Identifier: MIT */
/* See secure.h. */
#include "http/secure.h"

const SrTlsFace *sr_http_tls;

/* use_tls(face) [-1, +0, v] */
static int l_use_tls(lua_State *L) {
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  sr_http_tls = lua_touserdata(L, 1);
  return 0;
}

void sr_http_open_secure(lua_State *L) {
  static const luaL_Reg functions[] = {{"use_tls", l_use_tls}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
