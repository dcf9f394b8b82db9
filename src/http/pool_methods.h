/* SPDX-License-Identifier: MIT */
/*
** Pools as Lua sees them.
*/
#ifndef SR_HTTP_POOL_METHODS_H
#define SR_HTTP_POOL_METHODS_H

#include <lua.h>

/* Registers the metatable and adds pool() to the table on top. [-0, +0, m] */
void sr_http_open_pool(lua_State *L);

#endif
