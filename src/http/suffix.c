/* SPDX-License-Identifier: MIT */
/*
** Public suffixes, see suffix.h.
*/
#include "http/suffix.h"

#include <lauxlib.h>
#include <string.h>

#ifdef SAROS_PSL

#include <libpsl.h>

static int is_public(const char *domain) {
  const psl_ctx_t *list = psl_builtin();
  return list != NULL ? psl_is_public_suffix(list, domain) : strchr(domain, '.') == NULL;
}

#else

/* Without the list: top-level domains, and what looks like "co.uk" or "com.au". */
static int is_public(const char *domain) {
  const char *dot = strchr(domain, '.');
  if (dot == NULL) return 1;
  return strchr(dot + 1, '.') == NULL && strlen(dot + 1) == 2 && dot - domain <= 3;
}

#endif

int sr_http_suffix_is_public(lua_State *L) {
  lua_pushboolean(L, is_public(luaL_checkstring(L, 1)));
  return 1;
}
