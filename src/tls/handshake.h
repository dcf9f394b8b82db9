/* SPDX-License-Identifier: MIT */
/*
** Waiting for a handshake.
*/
#ifndef SR_TLS_HANDSHAKE_H
#define SR_TLS_HANDSHAKE_H

#include <lua.h>

void sr_tls_handshake_open(lua_State *L);

/*
** start(stream, context, peer): puts TLS under a stream and waits for the end of the handshake. `peer` has `name`,
** `key`, `host`, `port`, `timeout` (seconds) and `caller`, the name of the function that programs call. Whatever it
** raises, the stream is closed. [-0, +0, v]
*/
int sr_tls_handshake_start(lua_State *L);

#endif
