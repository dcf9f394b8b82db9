/* SPDX-License-Identifier: MIT */
/* Addresses that were given to a function, and what every connection is given. */
#include "net/net.h"

int sr_net_check_port(lua_State *L, const char *function, int index, int arg) {
  return (int)sr_io_integer(L, function, index, arg, 0, 65535);
}

SrIoAddress sr_net_check_address(lua_State *L, const char *function, int index, int arg) {
  SrIoAddress address;
  const char *text = sr_io_name(L, function, index, arg);
  if (!sr_net_parse(text, &address)) sr_io_saros->arg_error(L, function, arg, "'%s' is no address", text);
  sr_net_set_port(&address, sr_net_check_port(L, function, index + 1, arg + 1));
  return address;
}

/* family(host): 4 or 6 for an address, nil for a name. */
int sr_net_family(lua_State *L) {
  SrIoAddress address;
  if (!sr_net_parse(luaL_checkstring(L, 1), &address)) return 0;
  lua_pushinteger(L, address.any.sa_family == AF_INET6 ? 6 : 4);
  return 1;
}

SrNetTuning sr_net_tuning(lua_State *L, int index) {
  SrNetTuning tuning = {.nodelay = true};
  if (lua_getfield(L, index, "nodelay") == LUA_TBOOLEAN) tuning.nodelay = lua_toboolean(L, -1);
  if (lua_getfield(L, index, "keepalive") == LUA_TNUMBER)
    tuning.keepalive = (unsigned)lua_tonumber(L, -1);
  else if (lua_toboolean(L, -1))
    tuning.keepalive = 60;
  lua_pop(L, 2);
  return tuning;
}

saros_stream *sr_net_push_stream(lua_State *L, SrIoPlain *plain, SrNetTuning tuning) {
  if (plain->stream->type == UV_TCP) {
    if (tuning.nodelay) uv_tcp_nodelay(&plain->own.tcp, 1);
    if (tuning.keepalive > 0) uv_tcp_keepalive(&plain->own.tcp, 1, tuning.keepalive);
  }
  sr_io_plain_open(L, plain);
  return sr_io_stream_open(L, &plain->base);
}

uv_loop_t *sr_net_check_loop(lua_State *L, const char *function) {
  uv_loop_t *loop = sr_io_saros->loop(sr_io_saros->runtime(L));
  if (loop == NULL) luaL_error(L, "%s: no loop is running (call it inside async.run)", function);
  return loop;
}
