/* SPDX-License-Identifier: MIT */
/*
** A line of commands that wait for their replies, and of bytes that are to be sent: what is hot of a connection that
** tasks share. lua/saros/redis/shared.lua connects, reads and writes.
*/
#ifndef SR_REDIS_LINE_H
#define SR_REDIS_LINE_H

#include <lua.h>

#include "saros.h"

/*
** line(timeout, connection): a new one, which keeps the connection that it belongs to as its user value. Until it is
** connected commands are late after so many seconds.
*/
int sr_redis_l_line(lua_State *L);

/* Makes the class. [-0, +0, m] */
void sr_redis_open_line(lua_State *L, const saros_api *api);

#endif
