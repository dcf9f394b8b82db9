/* SPDX-License-Identifier: MIT */
/*
** Host names that are not ASCII, see idn.h.
*/
#include "http/idn.h"

#include <lauxlib.h>
#include <stdio.h>

#ifdef SAROS_IDN2

#include <idn2.h>

/* A name that IDNA2008 does not allow, with symbols above all, is taken as IDNA2003 had it, as browsers do. */
static int convert(const char *host, char **ascii) {
  int result = idn2_to_ascii_8z(host, ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (result == IDN2_OK || result == IDN2_MALLOC) return result;
  return idn2_to_ascii_8z(host, ascii, IDN2_NFC_INPUT | IDN2_TRANSITIONAL);
}

/* to_ascii(host): the host, which is UTF-8, as browsers ask for it ("xn--..."); or nil and why not. [-1, +1|2, v] */
static int l_to_ascii(lua_State *L) {
  char *ascii = NULL;
  int result = convert(luaL_checkstring(L, 1), &ascii);
  if (result == IDN2_MALLOC) return luaL_error(L, "not enough memory");
  if (result != IDN2_OK) {
    lua_pushnil(L);
    lua_pushstring(L, idn2_strerror(result));
    return 2;
  }
  char copy[IDN2_DOMAIN_MAX_LENGTH + 1];
  snprintf(copy, sizeof copy, "%s", ascii); /* pushing may raise */
  idn2_free(ascii);
  lua_pushstring(L, copy);
  return 1;
}

#else

static int l_to_ascii(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "saros was built without libidn2");
  return 2;
}

#endif

void sr_http_open_idn(lua_State *L) {
  static const luaL_Reg functions[] = {{"to_ascii", l_to_ascii}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
