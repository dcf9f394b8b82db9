/* SPDX-License-Identifier: MIT */
/* Encoders as the Lua half has them. */
#ifndef SR_SERVER_ENCODE_H
#define SR_SERVER_ENCODE_H

#include <lua.h>

/* Registers the class; adds to the table on top encoder(name) and the list `encodings`. [-0, +0, m] */
void sr_server_open_encode(lua_State *L);

#endif
