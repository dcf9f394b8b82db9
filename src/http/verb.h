/* SPDX-License-Identifier: MIT */
/*
** The functions that users call: `get` and its like.
*/
#ifndef SR_HTTP_VERB_H
#define SR_HTTP_VERB_H

#include <lua.h>

/* Adds verb() to the table on top. [-0, +0, m] */
void sr_http_open_verb(lua_State *L);

#endif
