/* SPDX-License-Identifier: MIT */
/* What goes out on a WebSocket: one frame for each message. */
#ifndef SR_WEBSOCKET_ENCODER_H
#define SR_WEBSOCKET_ENCODER_H

#include <lua.h>

/* encoder(is_client [, bits, keeps]): a client's frames are masked; with `bits` messages are deflated. */
int sr_websocket_l_encoder(lua_State *L);
/* drain(stream), is_full(stream): of what is left to be sent. is_text(bytes): whether it is UTF-8. */
int sr_websocket_l_drain(lua_State *L);
int sr_websocket_l_is_full(lua_State *L);
int sr_websocket_l_is_text(lua_State *L);
/* key(): what a client's handshake has to offer; accept(key): what the server's answer to it is. */
int sr_websocket_l_key(lua_State *L);
int sr_websocket_l_accept(lua_State *L);
/* base64(bytes) */
int sr_websocket_l_base64(lua_State *L);
/* The class. [-0, +0, m] */
void sr_websocket_open_encoder(lua_State *L);

#endif
