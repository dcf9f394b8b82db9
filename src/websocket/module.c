/* SPDX-License-Identifier: MIT */
/* saros.websocket.core: what of WebSockets is bytes. The rest is lua/saros/websocket, over streams. */
#include <lauxlib.h>
#include <lua.h>

#include "base/resident.h"
#include "websocket/api.h"
#include "websocket/deflate.h"
#include "websocket/encoder.h"
#include "websocket/reader.h"

SAROS_EXPORT int luaopen_saros_websocket_core(lua_State *L);

/* [-0, +1, m] */
int luaopen_saros_websocket_core(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"reader", sr_websocket_l_reader},   {"encoder", sr_websocket_l_encoder}, {"key", sr_websocket_l_key},
      {"accept", sr_websocket_l_accept},   {"base64", sr_websocket_l_base64},   {"drain", sr_websocket_l_drain},
      {"is_full", sr_websocket_l_is_full}, {"is_text", sr_websocket_l_is_text}, {NULL, NULL}};
  sr_stay_loaded();
  sr_websocket_saros = saros_open(L);
  sr_websocket_streams = saros_open_streams(L);
  sr_websocket_open_reader(L);
  sr_websocket_open_encoder(L);
  luaL_newlib(L, functions);
  lua_pushboolean(L, sr_websocket_can_deflate());
  lua_setfield(L, -2, "can_deflate");
  return 1;
}
