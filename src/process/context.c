/* SPDX-License-Identifier: MIT */
/* What all of a Lua state share, see process.h. */
#include <string.h>

#include "process/process.h"

const saros_stream_api *sr_process_streams;

SrProcessContext *sr_process_context(lua_State *L) {
  static const char key = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  SrProcessContext *context = (SrProcessContext *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (context != NULL) return context;
  context = (SrProcessContext *)lua_newuserdatauv(L, sizeof *context, 0);
  memset(context, 0, offsetof(SrProcessContext, room));
  context->runtime = sr_io_saros->runtime(L);
  context->runs = 1; /* `closed_in` 0: never */
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  context->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
  return context;
}

uv_loop_t *sr_process_check_loop(lua_State *L, const char *function) {
  uv_loop_t *loop = sr_io_saros->loop(sr_io_saros->runtime(L));
  if (loop == NULL) luaL_error(L, "%s: no loop is running (call it inside async.run)", function);
  return loop;
}
