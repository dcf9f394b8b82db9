/* SPDX-License-Identifier: MIT */
/*
** What a client and a pipeline have for each command: a method that writes it. That of a client puts it at the end of
** the line, if there is a connection, and waits for its reply. All else, from arguments that are wrong to connections
** that have to be made, is Lua's.
*/
#ifndef SR_REDIS_METHOD_H
#define SR_REDIS_METHOD_H

#include <lua.h>

/* method(slow, metatable, caller, head, recover): that of a client. `head` is the command's own part of the message. */
int sr_redis_l_method(lua_State *L);

/* collector(slow, metatable, caller, head): that of a pipeline, which it returns. */
int sr_redis_l_collector(lua_State *L);

#endif
