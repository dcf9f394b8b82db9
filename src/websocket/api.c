/* SPDX-License-Identifier: MIT */
/* The functions of the runtime and of streams, see api.h. */
#include "websocket/api.h"

#include <lauxlib.h>

const saros_api *sr_websocket_saros;
const saros_stream_api *sr_websocket_streams;

saros_stream *sr_websocket_check_stream(lua_State *L, int arg) {
  saros_stream *stream = sr_websocket_streams->test(L, arg);
  luaL_argexpected(L, stream != NULL, arg, "stream");
  return stream;
}
