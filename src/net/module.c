/* SPDX-License-Identifier: MIT */
/*
** saros.net.core: streams and sockets for lua/saros/net. It knows the runtime only through the table of functions
** behind saros.h, as any other C module would.
*/
#include "base/platform.h"
#include "base/resident.h"
#include "net/net.h"

/* origin(stream): the host or path that it was connected to, true if it was accepted, else nil. [-0, +1, -] */
static int l_origin(lua_State *L) {
  sr_io_self(L, &sr_io_stream_class, "stream:start_tls");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/* hostname(): the name of this machine. */
static int l_hostname(lua_State *L) {
  char name[UV_MAXHOSTNAMESIZE];
  size_t size = sizeof name;
  int err = uv_os_gethostname(name, &size);
  if (err != 0) return luaL_error(L, "gethostname: %s", uv_strerror(err));
  lua_pushlstring(L, name, size);
  return 1;
}

/* realtime(): seconds since 1970, with a fraction. */
static int l_realtime(lua_State *L) {
  uv_timeval64_t now;
  int err = uv_gettimeofday(&now);
  if (err != 0) return luaL_error(L, "gettimeofday: %s", uv_strerror(err));
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_usec / 1e6);
  return 1;
}

/* Lua adds methods of its own to these. */
static void add_methods(lua_State *L, const SrIoClass *cls, const char *field) {
  sr_io_push_meta(L, cls);
  lua_getfield(L, -1, "__index");
  lua_setfield(L, -3, field);
  lua_pop(L, 1);
}

/* A host that brings a loop of its own has its own mind about its heap, too. */
static bool is_hosted(lua_State *L) {
  bool is = lua_getfield(L, LUA_REGISTRYINDEX, SAROS_LOOP_KEY) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

SAROS_EXPORT int luaopen_saros_net_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_net_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"connect", sr_net_connect},
                                       {"connect_unix", sr_net_connect_unix},
                                       {"listen", sr_net_listen},
                                       {"listen_unix", sr_net_listen_unix},
                                       {"resolve", sr_net_resolve},
                                       {"reverse", sr_net_reverse},
                                       {"family", sr_net_family},
                                       {"pair", sr_net_pair},
                                       {"origin", l_origin},
                                       {"hostname", l_hostname},
                                       {"udp", sr_net_udp},
                                       {"realtime", l_realtime},
                                       {NULL, NULL}};
  sr_stay_loaded();
  sr_io_saros = saros_open(L);
  sr_ignore_broken_pipes();
  if (!is_hosted(L)) sr_settle_heap();
  sr_io_open(L);
  sr_net_open_connect(L);
  sr_net_open_listen(L);
  sr_net_open_resolve(L);
  sr_net_open_udp(L);
  luaL_newlib(L, functions);
  add_methods(L, &sr_io_stream_class, "stream_methods");
  add_methods(L, &sr_net_udp_class, "udp_methods");
  return 1;
}
