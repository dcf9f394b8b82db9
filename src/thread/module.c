/* SPDX-License-Identifier: MIT */
/*
** saros.thread.core: worker threads for lua/saros/thread. It knows the runtime only through the table of functions
** behind saros.h, as any other C module would.
*/
#include "base/resident.h"
#include "thread/call.h"

/* Blocking libraries are called in them, too, so they are more than there are cores. */
enum { EXTRA_THREADS = 4, MOST_THREADS = 32 };

/* On how many cores this process may run. */
#if UV_VERSION_HEX >= 0x012C00

static int count_cores(void) {
  return (int)uv_available_parallelism();
}

#else

static int count_cores(void) {
  uv_cpu_info_t *list;
  int count;
  if (uv_cpu_info(&list, &count) != 0) return 1;
  uv_free_cpu_info(list, count);
  return count > 0 ? count : 1;
}

#endif

/* pool(size, place, collected): a pool; `collected` is told of one that was not closed. */
static int l_pool(lua_State *L) {
  lua_settop(L, 3);
  sr_thread_push_face(L, (int)lua_tointeger(L, 1));
  lua_pushvalue(L, 3);
  lua_setiuservalue(L, -2, 2);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

/* The first upvalue of all functions: by it tracebacks know that they are saros' own, and leave them out. */
static void push_mark(lua_State *L) {
  lua_pushlightuserdata(L, sr_thread_saros->runtime(L));
}

static int size_of_default(void) {
  int cores = count_cores();
  return cores + EXTRA_THREADS < MOST_THREADS ? cores + EXTRA_THREADS : cores > MOST_THREADS ? cores : MOST_THREADS;
}

SAROS_EXPORT int luaopen_saros_thread_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_thread_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool", l_pool},
                                       {"pack", sr_thread_l_pack},
                                       {"each", sr_thread_l_each},
                                       {"size", sr_thread_l_size},
                                       {"check_open", sr_thread_l_check_open},
                                       {"check_items", sr_thread_l_check_items},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"run", sr_thread_l_run}, {"close", sr_thread_l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", sr_thread_l_gc}, {"__close", sr_thread_l_leave}, {NULL, NULL}};
  sr_stay_loaded();
  sr_thread_saros = saros_open(L);
  sr_thread_open_face(L);
  sr_thread_open_call(L);
  sr_thread_class(L, sr_thread_face_class, methods, meta);
  luaL_newlibtable(L, functions);
  push_mark(L);
  luaL_setfuncs(L, functions, 1);
  lua_pushinteger(L, count_cores());
  lua_setfield(L, -2, "cores");
  push_mark(L);
  lua_pushinteger(L, size_of_default());
  lua_pushnil(L);
  lua_pushcclosure(L, sr_thread_l_to_thread, 3);
  lua_setfield(L, -2, "to_thread");
  lua_rawgetp(L, LUA_REGISTRYINDEX, sr_thread_face_class);
  lua_getfield(L, -1, "__index");
  lua_setfield(L, -3, "methods");
  lua_pop(L, 1);
  return 1;
}
