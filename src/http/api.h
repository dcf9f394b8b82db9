/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime, which src/http knows no other way, and what all its userdata have in common.
*/
#ifndef SR_HTTP_API_H
#define SR_HTTP_API_H

#include <lauxlib.h>

#include "saros.h"

/* Set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_http_saros;

/* Gives the userdata of that type methods (or NULL) and metamethods, beside those they have already. [-0, +0, m] */
void sr_http_class(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta);

#endif
