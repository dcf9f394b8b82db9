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

/* A type of userdata, each of which begins with a pointer to its type: checking it costs two comparisons. */
typedef struct SrHttpType {
  const char *name;
} SrHttpType;

/* Gives the userdata of that type methods (or NULL) and metamethods, beside those they have already. [-0, +0, m] */
void sr_http_class(lua_State *L, const SrHttpType *type, const luaL_Reg *methods, const luaL_Reg *meta);

/* Sets the metatable of the userdata on top, which begins with that type. [-0, +0, -] */
void sr_http_set_type(lua_State *L, const SrHttpType *type);

/* The userdata at an index, which has to be of that type. [-0, +0, v] */
void *sr_http_check(lua_State *L, int index, const SrHttpType *type);

#endif
