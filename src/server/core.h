/* SPDX-License-Identifier: MIT */
/* A core as the Lua half sees it: takes connections in, and has their requests handled. */
#ifndef SR_SERVER_CORE_H
#define SR_SERVER_CORE_H

#include <lua.h>

/* Registers the class and adds new() to the table on top. [-0, +0, m] */
void sr_server_open_core(lua_State *L);

#endif
