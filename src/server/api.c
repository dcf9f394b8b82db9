/* SPDX-License-Identifier: MIT */
/* What the objects of a server have in common, see api.h. */
#include "server/api.h"

#include <string.h>

const saros_api *sr_server_saros;
const saros_stream_api *sr_server_streams;

void *sr_server_self(lua_State *L, const SrServerClass *cls, const char *function) {
  const SrServerClass **object = NULL;
  if (lua_type(L, 1) == LUA_TUSERDATA && lua_rawlen(L, 1) >= sizeof *object)
    object = (const SrServerClass **)lua_touserdata(L, 1);
  if (object == NULL || *object != cls)
    luaL_error(L, "calling '%s' on bad self (%s expected, got %s; call it with a colon)", function, cls->name,
               luaL_typename(L, 1));
  return (void *)object;
}

void *sr_server_new(lua_State *L, const SrServerClass *cls, size_t size, int values) {
  const SrServerClass **object = (const SrServerClass **)lua_newuserdatauv(L, size, values);
  memset((void *)object, 0, size);
  *object = cls;
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
  lua_setmetatable(L, -2);
  return (void *)object;
}

void sr_server_class(lua_State *L, const SrServerClass *cls, const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_newtable(L);
  lua_pushstring(L, cls->name);
  lua_setfield(L, -2, "__name");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  luaL_setfuncs(L, meta, 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, cls);
}
