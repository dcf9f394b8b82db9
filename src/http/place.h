/* SPDX-License-Identifier: MIT */
/*
** Places to connect to: telling addresses from names, and finding connections to one.
*/
#ifndef SR_HTTP_PLACE_H
#define SR_HTTP_PLACE_H

#include <lua.h>

/* A number by which connections that may carry requests to a place are found. */
unsigned sr_http_place_hash(const char *place);

/* Adds is_address() to the table on top. [-0, +0, m] */
void sr_http_open_place(lua_State *L);

#endif
