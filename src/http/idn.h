/* SPDX-License-Identifier: MIT */
/*
** Host names that are not ASCII, in the form that DNS and HTTP know.
**
** libcurl would convert them from the locale's encoding, which is ASCII as long as a program does not call
** setlocale, and lua does not. So it is given none.
*/
#ifndef SR_HTTP_IDN_H
#define SR_HTTP_IDN_H

#include <lua.h>

/* Adds to_ascii() to the table on top. [-0, +0, m] */
void sr_http_open_idn(lua_State *L);

#endif
