/* SPDX-License-Identifier: MIT */
/*
** saros.http.core: libcurl for lua/saros/http. It knows the runtime only through
** the table of functions behind saros.h, as any other C module would.
*/
#include <lauxlib.h>
#include <stdbool.h>

#include "base/platform.h"
#include "base/resident.h"
#include "http/api.h"
#include "http/body.h"
#include "http/easy.h"
#include "http/idn.h"
#include "http/lookup.h"
#include "http/pool_methods.h"
#include "http/request.h"
#include "http/send.h"
#include "http/suffix.h"
#include "http/upload_methods.h"
#include "wire/codec.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed: before, a cancelled name lookup blocks the loop (CURLOPT_QUICK_EXIT)"
#endif

/* A host that brings a loop of its own has its own mind about its heap, too. */
static bool is_hosted(lua_State *L) {
  bool is = lua_getfield(L, LUA_REGISTRYINDEX, SAROS_LOOP_KEY) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

SAROS_EXPORT int luaopen_saros_http_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_core(lua_State *L) {
  sr_stay_loaded();
  sr_http_saros = saros_open(L);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return luaL_error(L, "libcurl could not be initialised");
  if (!is_hosted(L)) sr_settle_heap();
  lua_newtable(L);
  sr_http_open_request(L);
  sr_http_open_pool(L);
  sr_http_open_upload(L);
  sr_http_open_send(L);
  sr_http_open_body(L);
  sr_http_open_lookup(L);
  sr_http_open_suffix(L);
  sr_http_open_idn(L);
  lua_pushstring(L, sr_wire_codec_names());
  lua_setfield(L, -2, "encodings");
  lua_pushliteral(L, SR_HTTP_USER_AGENT);
  lua_setfield(L, -2, "user_agent");
  return 1;
}
