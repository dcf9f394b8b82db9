/* SPDX-License-Identifier: MIT */
/*
** What comes in on a WebSocket: bytes to messages and control frames.
**
** Whatever breaks RFC 6455 becomes one event with the code that the peer is to be told; nothing is read after that, nor
** after a closing frame. A message is never larger than the limit, be it inflated.
*/
#ifndef SR_WEBSOCKET_DECODER_H
#define SR_WEBSOCKET_DECODER_H

#include <lua.h>

/* decoder(is_server, limit [, bits, keeps]): with `bits` messages may come deflated. */
int sr_websocket_l_decoder(lua_State *L);
/* Its class. [-0, +0, m] */
void sr_websocket_open_decoder(lua_State *L);

#endif
