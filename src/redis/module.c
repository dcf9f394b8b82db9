/* SPDX-License-Identifier: MIT */
/*
** saros.redis.core: the short ways of lua/saros/redis. It knows the runtime only through the table of functions behind
** saros.h, as any other C module would.
*/
#include <lauxlib.h>
#include <lua.h>

#include "base/resident.h"
#include "redis/batch.h"
#include "redis/codec.h"
#include "redis/line.h"
#include "redis/method.h"
#include "saros.h"

SAROS_EXPORT int luaopen_saros_redis_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_redis_core(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"scan", sr_redis_l_scan},       {"encode", sr_redis_l_encode},       {"line", sr_redis_l_line},
      {"method", sr_redis_l_method},   {"collector", sr_redis_l_collector}, {"batch", sr_redis_l_batch},
      {"collect", sr_redis_l_collect}, {"finish", sr_redis_l_finish},       {NULL, NULL}};
  sr_stay_loaded();
  sr_redis_open_line(L, saros_open(L));
  luaL_newlib(L, functions);
  return 1;
}
