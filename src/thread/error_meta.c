/* SPDX-License-Identifier: MIT */
/* The metatable of Error objects, asked of an Error object. */
#include "thread/error_meta.h"

#include "thread/library.h"
#include "saros.h"

static const char meta_key; /* of the registry */

void sr_thread_push_error_meta(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key) != LUA_TNIL) return;
  lua_pop(L, 1);
  sr_thread_push_module(L, "saros");
  lua_pop(L, 1);
  saros_open(L)->push_error(L, "Error", "E", "none");
  lua_getmetatable(L, -1);
  lua_replace(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}
