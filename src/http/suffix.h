/* SPDX-License-Identifier: MIT */
/*
** What the cookie jar asks of C: which domains belong to no one.
*/
#ifndef SR_HTTP_SUFFIX_H
#define SR_HTTP_SUFFIX_H

#include <lua.h>

/* Adds is_public_suffix() to the table on top. [-0, +0, m] */
void sr_http_open_suffix(lua_State *L);

#endif
