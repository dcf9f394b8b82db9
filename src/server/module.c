/* SPDX-License-Identifier: MIT */
/*
** saros.http.server.core: what is done for each request, for lua/saros/http/server. It knows the runtime and the streams
** only through saros.h, as any other C module would, and needs no libcurl.
*/
#include <lauxlib.h>

#include "base/resident.h"
#include "server/api.h"
#include "server/conn.h"
#include "server/core.h"
#include "server/direct.h"
#include "server/encode.h"
#include "server/handle.h"
#include "server/input.h"
#include "server/output.h"
#include "server/request.h"
#include "server/route.h"
#include "wire/writer.h"

/* half(functions): those of the Lua half that are called from here. */
static int l_half(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_server_half_key);
  return 0;
}

/* date(seconds): as HTTP has it. */
static int l_date(lua_State *L) {
  char date[SR_WIRE_DATE];
  sr_wire_put_date(date, luaL_checkinteger(L, 1));
  lua_pushlstring(L, date, sizeof date);
  return 1;
}

SAROS_EXPORT int luaopen_saros_http_server_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_server_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"half", l_half}, {"date", l_date}, {"route", sr_server_l_route}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"_read", sr_server_l_read},
                                     {"_write", sr_server_l_write},
                                     {"_end", sr_server_l_end},
                                     {"_send", sr_server_l_send},
                                     {"_check", sr_server_l_check},
                                     {"_begin", sr_server_l_begin},
                                     {"_inform", sr_server_l_inform},
                                     {"_switch", sr_server_l_switch},
                                     {"_stage", sr_server_l_stage},
                                     {"_state", sr_server_l_state},
                                     {"_fail", sr_server_l_fail},
                                     {"_compresses", sr_server_l_compresses},
                                     {"_send_file", sr_server_l_send_file},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", sr_server_l_leave}, {NULL, NULL}};
  sr_stay_loaded();
  sr_io_saros = saros_open(L);
  sr_server_streams = saros_open_streams(L);
  luaL_newlib(L, functions);
  sr_server_open_conn(L);
  sr_server_open_core(L);
  sr_server_open_direct(L);
  sr_server_open_encode(L);
  sr_server_open_request(L, methods, meta);
  return 1;
}
