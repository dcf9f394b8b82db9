/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime and of streams, which src/server knows no other way, and what its userdata have in
** common: each begins with a pointer to its class.
*/
#ifndef SR_SERVER_API_H
#define SR_SERVER_API_H

#include <stdbool.h>

#include "saros.h"

/* Set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_server_saros;
extern const saros_stream_api *sr_server_streams;

typedef struct SrServerClass {
  const char *name; /* as messages show it */
} SrServerClass;

#define SR_SERVER_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The object a method was called on. [-0, +0, v] */
void *sr_server_self(lua_State *L, const SrServerClass *cls, const char *function);
/* Pushes a new zeroed userdata of that class with `values` user values. [-0, +1, m] */
void *sr_server_new(lua_State *L, const SrServerClass *cls, size_t size, int values);
/* Registers a class; its methods are under __index unless `meta` has one. [-0, +0, m] */
void sr_server_class(lua_State *L, const SrServerClass *cls, const luaL_Reg *methods, const luaL_Reg *meta);

#endif
