/* SPDX-License-Identifier: MIT */
/*
** Telling addresses from names.
*/
#ifndef SR_HTTP_PLACE_H
#define SR_HTTP_PLACE_H

#include <lua.h>

/* Adds is_address() to the table on top. [-0, +0, m] */
void sr_http_open_place(lua_State *L);

#endif
