/* SPDX-License-Identifier: MIT */
/* The functions of the runtime and of streams, which src/websocket knows no other way. */
#ifndef SR_WEBSOCKET_API_H
#define SR_WEBSOCKET_API_H

#include "saros.h"

/* Set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_websocket_saros;
extern const saros_stream_api *sr_websocket_streams;

/* The stream that is an argument. [-0, +0, v] */
saros_stream *sr_websocket_check_stream(lua_State *L, int arg);

#endif
