/* SPDX-License-Identifier: MIT */
/*
** What the cookie jar asks of C: which domains belong to no one.
*/
#ifndef SR_HTTP_SUFFIX_H
#define SR_HTTP_SUFFIX_H

#include <lua.h>

/* is_public_suffix(domain): whether anybody can register a name below it. [-1, +1, v] */
int sr_http_suffix_is_public(lua_State *L);

#endif
