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

/* to_ascii(host): the host, which is UTF-8, as browsers ask for it ("xn--..."); or nil and why not. [-1, +1|2, v] */
int sr_http_idn_to_ascii(lua_State *L);

#endif
