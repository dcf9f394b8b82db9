/* SPDX-License-Identifier: MIT */
/* Has a stream read and decoded, one event after another, and notices when the peer is silent. */
#ifndef SR_WEBSOCKET_READER_H
#define SR_WEBSOCKET_READER_H

#include <lua.h>

/* reader(is_server, limit [, bits, keeps]): with `bits` messages may come deflated. */
int sr_websocket_l_reader(lua_State *L);
/* Its class. [-0, +0, m] */
void sr_websocket_open_reader(lua_State *L);

#endif
