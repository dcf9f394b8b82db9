/* SPDX-License-Identifier: MIT */
/*
** Transfers as Lua sees them once the head is there: reading the body.
*/
#ifndef SR_HTTP_BODY_H
#define SR_HTTP_BODY_H

#include <lua.h>

/* Adds what reads to the table on top. [-0, +0, m] */
void sr_http_open_body(lua_State *L);

#endif
