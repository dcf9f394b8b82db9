/* SPDX-License-Identifier: MIT */
/* The runtime: opening it in a Lua state, run, and its end. See runtime.h. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/api.h"
#include "runtime/clock.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/error_methods.h"
#include "runtime/failure.h"
#include "runtime/future.h"
#include "runtime/guest.h"
#include "runtime/handle.h"
#include "runtime/loop.h"
#include "runtime/object.h"
#include "runtime/pool.h"
#include "runtime/run.h"
#include "runtime/scope.h"
#include "runtime/source.h"
#include "runtime/starter.h"
#include "runtime/step.h"
#include "runtime/task.h"
#include "runtime/testing.h"
#include "runtime/trace.h"
#include "runtime/wait.h"

/* --- run -------------------------------------------------------------------- */

/* The protected part of a run: (main, arguments...) to the handle of main, and what a test left over or nil. */
static int l_loop(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  rt->base = L;
  rt->main_task = sr_spawn(L, rt, &rt->root, 1, lua_gettop(L) - 1);
  lua_pushliteral(L, "main");
  sr_set_name(L, -2);
  lua_replace(L, 1);
  lua_settop(L, 1);
  while (rt->main_task != NULL) sr_loop_turn(L, rt);
  if (rt->testing.is_on)
    sr_push_leftovers(L, rt);
  else
    lua_pushnil(L);
  sr_loop_wind_down(L, rt);
  return 2;
}

/* The frame of run. */
enum { RUN_MAIN = 1, RUN_LEFTOVERS };

/* Raises what main raised; a string gets the chain of tasks appended. */
static int raise_failure(lua_State *L) {
  int leftovers = RUN_LEFTOVERS;
  sr_push_failure(L, RUN_MAIN);
  if (lua_type(L, -1) != LUA_TSTRING) return sr_mark_left(L), lua_error(L);
  sr_push_task_trace(L, RUN_MAIN);
  if (lua_isstring(L, -1))
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
  else
    lua_pop(L, 1);
  if (lua_isstring(L, leftovers)) lua_pushfstring(L, "%s\n%s", lua_tostring(L, -1), lua_tostring(L, leftovers));
  return lua_error(L);
}

/* The caller of run is the one who looks at the failure of main. */
static void look_at_main(lua_State *L) {
  if (((SrFuture *)lua_touserdata(L, RUN_MAIN))->status == SR_DONE) return;
  sr_push_failure(L, RUN_MAIN);
  lua_pop(L, 1);
}

/* Whether Ctrl-C came and nothing was there to raise it in: main had its last await behind it, or had ended. */
static bool take_late_interrupt(SrRuntime *rt) {
  bool came = rt->interrupt.is_pending;
  rt->interrupt.is_pending = 0;
  return came;
}

static int run(lua_State *L, const char *function, bool is_testing) {
  SrRuntime *rt = sr_rt(L);
  sr_check_function(L, function, 1, 1);
  int nargs = sr_pack_args(L, 1);
  if (rt->is_running) return luaL_error(L, "%s: a loop is running already (call the function, or spawn it)", function);
  sr_push_function(L, l_loop);
  lua_insert(L, 1);
  sr_run_begin(L, rt, is_testing);
  int status = lua_pcall(L, nargs + 1, 2, 0);
  if (status != LUA_OK)
    sr_loop_kill_all(L, rt);
  else
    look_at_main(L);
  sr_run_end(L, rt);
  bool interrupted = take_late_interrupt(rt);
  if (status != LUA_OK) return lua_error(L);
  SrFuture *main_task = (SrFuture *)lua_touserdata(L, RUN_MAIN);
  if (main_task->status != SR_DONE) return raise_failure(L);
  if (interrupted) return sr_push_error(L, "InterruptError", "EINTR", "interrupted"), sr_mark_left(L), lua_error(L);
  if (lua_isstring(L, RUN_LEFTOVERS)) return lua_error(L);
  return sr_push_results(L, main_task, RUN_MAIN, NULL);
}

int sr_l_run(lua_State *L) {
  return run(L, "run", false);
}

int sr_l_test_run(lua_State *L) {
  return run(L, "testing.run", true);
}

int sr_l_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)sr_clock_now(&sr_rt(L)->clock) / 1e9);
  return 1;
}

/* --- opening and closing ---------------------------------------------------- */

/* lua_close, perhaps in the middle of a run: nothing of Lua is touched any more. */
static int l_collect(lua_State *L) {
  SrRuntime *rt = (SrRuntime *)lua_touserdata(L, 1);
  if (sr_stepping == rt) sr_stepping = NULL; /* the step does not come back */
  sr_loop_close(rt);
  sr_scope_forget_all(rt);
  sr_clock_free(&rt->clock);
  sr_block_free_all(rt);
  sr_slots_free(&rt->live);
  sr_pool_free(rt);
  sr_source_free_all(rt);
  free(rt->places.home);
  rt->places.home = NULL;
  rt->is_running = false;
  return 0;
}

/* The loop's owner ends before the runtime: what is on it is closed before. */
static int l_leave_loop(lua_State *L) {
  lua_pushcfunction(L, l_collect);
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_RUNTIME_INDEX);
  lua_call(L, 1, 0);
  return 0;
}

typedef uv_loop_t *(*LoopOf)(lua_State *L);

/* adopt_loop(loop_of): runs use the loop that a C function of another library, luv's luv_loop, returns. */
int sr_l_adopt_loop(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  LoopOf loop_of = (LoopOf)(void (*)(void))lua_tocfunction(L, 1);
  if (loop_of == NULL) return luaL_argerror(L, 1, "a C function expected");
  if (rt->is_running) return luaL_error(L, "a loop is running already: it cannot be replaced");
  uv_loop_t *loop = loop_of(L);
  if (rt->loop.borrowed == loop) return 0;
  if (rt->loop.borrowed != NULL) return luaL_error(L, "the host has handed over a loop already");
  lua_newuserdatauv(L, 0, 0); /* it is collected before what was made before it, the loop too */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_leave_loop);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &rt->loop.borrowed);
  rt->loop.borrowed = loop;
  rt->loop.is_adopted = true;
  return 0;
}

/* uv_version(): of the libuv that we use */
int sr_l_uv_version(lua_State *L) {
  lua_pushstring(L, uv_version_string());
  return 1;
}

static SrRuntime *new_runtime(lua_State *L) {
  SrRuntime *rt = (SrRuntime *)lua_newuserdatauv(L, sizeof(SrRuntime), 0);
  memset(rt, 0, sizeof *rt);
  rt->clock.on_slept = sr_on_slept;
  rt->ready.begin_all = sr_begin_all;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_RUNTIME_INDEX);
  lua_getfield(L, LUA_REGISTRYINDEX, SAROS_LOOP_KEY);
  rt->loop.borrowed = (uv_loop_t *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  sr_open_api(L);
  sr_open_guest(L);
  return rt;
}

/* Pushes the upvalues of all functions; each closure among them gets those before it. */
static void push_upvalues(lua_State *L, SrRuntime *rt) {
  int base = lua_gettop(L);
  lua_pushlightuserdata(L, rt);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  lua_newtable(L);
  lua_pushvalue(L, base + SR_UP_RUNTIME);
  lua_pushcclosure(L, sr_l_handler, 1);
  for (int i = SR_UP_RUNTIME; i <= SR_UP_HANDLER; i++) lua_pushvalue(L, base + i);
  lua_pushcclosure(L, sr_l_body, SR_UP_HANDLER);
}

int sr_open_runtime(lua_State *L, lua_CFunction init) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_module_key) == LUA_TTABLE) return 1;
  SrRuntime *rt = new_runtime(L);
  sr_run_new_table(L, &sr_anchor_key, NULL);
  sr_run_new_table(L, &sr_origin_key, "k");
  sr_run_new_table(L, &sr_names_key, "k");
  sr_run_new_table(L, &sr_places_key, "k");
  sr_run_new_table(L, &sr_coroutines_key, "k");
  sr_pool_renew(L);
  sr_open_debug(rt);
  push_upvalues(L, rt);
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, -SR_UP_COUNT);
  lua_pushcclosure(L, sr_l_protected, SR_UP_COUNT);
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_PROTECTED_INDEX);
  lua_pushcclosure(L, init, SR_UP_COUNT);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_module_key);
  return 1;
}
