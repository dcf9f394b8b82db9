/* SPDX-License-Identifier: MIT */
/*
** What a client has for each command: a method that puts it at the end of the line, if there is a connection, and waits
** for its reply. All else, from arguments that are wrong to connections that have to be made, is Lua's.
*/
#ifndef SR_REDIS_METHOD_H
#define SR_REDIS_METHOD_H

#include <lua.h>

/* method(slow, metatable, caller, name, recover): that of a command. */
int sr_redis_l_method(lua_State *L);

#endif
