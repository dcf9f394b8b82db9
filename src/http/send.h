/* SPDX-License-Identifier: MIT */
/*
** Sending a request, as Lua sees it.
*/
#ifndef SR_HTTP_SEND_H
#define SR_HTTP_SEND_H

#include <lua.h>

/* Registers the metatable of transfers and adds send() to the table on top. [-0, +0, m] */
void sr_http_open_send(lua_State *L);

#endif
