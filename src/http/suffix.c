/* SPDX-License-Identifier: MIT */
/*
** Public suffixes, see suffix.h.
*/
#include "http/suffix.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#ifdef SAROS_PSL

#include <libpsl.h>

static bool is_public(const char *domain) {
  const psl_ctx_t *list = psl_builtin();
  return list != NULL ? psl_is_public_suffix(list, domain) : strchr(domain, '.') == NULL;
}

#else

/* Without the list: top-level domains, and what looks like "co.uk" or "com.au". */
static bool is_public(const char *domain) {
  const char *dot = strchr(domain, '.');
  if (dot == NULL) return true;
  return strchr(dot + 1, '.') == NULL && strlen(dot + 1) == 2 && dot - domain <= 3;
}

#endif

/* is_public_suffix(domain): whether anybody can register a name below it. [-1, +1, v] */
static int l_is_public_suffix(lua_State *L) {
  lua_pushboolean(L, is_public(luaL_checkstring(L, 1)));
  return 1;
}

void sr_http_open_suffix(lua_State *L) {
  static const luaL_Reg functions[] = {{"is_public_suffix", l_is_public_suffix}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
