/* SPDX-License-Identifier: MIT */
/*
** saros.http.curl.core: libcurl for saros.http, loaded when only it can do what is asked for. The module is the backend
** itself, as light userdata.
*/
#include <curl/curl.h>
#include <lauxlib.h>

#include "base/resident.h"
#include "curl/pool.h"
#include "http/api.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed: before, a cancelled name lookup blocks the loop (CURLOPT_QUICK_EXIT)"
#endif

SAROS_EXPORT int luaopen_saros_http_curl_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_curl_core(lua_State *L) {
  sr_stay_loaded();
  sr_http_saros = saros_open(L);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return luaL_error(L, "libcurl could not be initialised");
  lua_pushlightuserdata(L, (void *)&sr_curl_backend);
  return 1;
}
