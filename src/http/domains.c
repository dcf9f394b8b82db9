/* SPDX-License-Identifier: MIT */
/*
** saros.http.domains.core: what is to be known of domains. Its libraries bring tables that cost half a millisecond at
** start, so it is loaded by those who ask for a name that is not ASCII, or get a cookie for a domain.
*/
#include <lauxlib.h>

#include "base/resident.h"
#include "http/idn.h"
#include "http/suffix.h"
#include "saros.h"

SAROS_EXPORT int luaopen_saros_http_domains_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_domains_core(lua_State *L) {
  sr_stay_loaded();
  lua_newtable(L);
  sr_http_open_suffix(L);
  sr_http_open_idn(L);
  return 1;
}
