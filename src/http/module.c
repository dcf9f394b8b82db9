/* SPDX-License-Identifier: MIT */
/*
** saros.http.core: HTTP exchanges for lua/saros/http. It knows the runtime only through
** the table of functions behind saros.h, as any other C module would.
*/
#include <lauxlib.h>
#include <stdbool.h>

#include "base/platform.h"
#include "base/resident.h"
#include "http/api.h"
#include "http/body.h"
#include "http/exchange.h"
#include "http/place.h"
#include "http/pool_methods.h"
#include "http/request.h"
#include "http/secure.h"
#include "http/response.h"
#include "http/send.h"
#include "http/upload_methods.h"
#include "http/verb.h"
#include "io/object.h"
#include "wire/codec.h"

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
  sr_http_saros = sr_io_saros = saros_open(L);
  sr_ignore_broken_pipes();
  if (!is_hosted(L)) sr_settle_heap();
  lua_newtable(L);
  sr_http_open_request(L);
  sr_http_open_pool(L);
  sr_http_open_upload(L);
  sr_http_open_send(L);
  sr_http_open_verb(L);
  sr_http_open_response(L);
  sr_http_open_secure(L);
  sr_http_open_body(L);
  sr_http_open_place(L);
  lua_pushlightuserdata(L, (void *)&sr_http_own);
  lua_setfield(L, -2, "own");
  lua_pushstring(L, sr_wire_codec_names());
  lua_setfield(L, -2, "encodings");
  lua_pushliteral(L, SR_HTTP_USER_AGENT);
  lua_setfield(L, -2, "user_agent");
  return 1;
}
