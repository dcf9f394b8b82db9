/* SPDX-License-Identifier: MIT */
/* The names of the two ends of a stream. */
#ifndef SR_IO_ADDRESS_H
#define SR_IO_ADDRESS_H

#include "io/state.h"

/* Pushes host and port, or the path, of this side or of the peer; returns how many. [-0, +1|2, v] */
int sr_io_push_address(lua_State *L, saros_stream *stream, bool of_peer);
/* Pushes host and port of an address. [-0, +2, m] */
void sr_io_push_sockaddr(lua_State *L, const struct sockaddr *address);

#endif
