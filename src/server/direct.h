/* SPDX-License-Identifier: MIT */
/* What the system sends from a file without our seeing it. */
#ifndef SR_SERVER_DIRECT_H
#define SR_SERVER_DIRECT_H

#include <lua.h>

/*
** request:_send_file(descriptor, position, count): has the system send as much of the body as the client takes now, and
** returns how many bytes, and whether it may do so again: what is left has to wait then, and a piece of it is to be
** written. Else there is no such way, and all that is left is to be written.
*/
int sr_server_l_send_file(lua_State *L);

/* Registers the class. [-0, +0, m] */
void sr_server_open_direct(lua_State *L);

#endif
