/* SPDX-License-Identifier: MIT */
/* The runtime: opening it in a Lua state, run, and its end. See runtime.h. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/loop.h"
#include "runtime/trace.h"

const char sr_vault_key, sr_origin_key, sr_names_key, sr_failures_key, sr_idle_key, sr_live_key, sr_scheduler_key,
    sr_module_key, sr_protected_key;

/* "saros". An integer is found faster than the address of a variable; those that luaL_ref gives are small. */
#define RUNTIME_INDEX 0x7361726f73

SrRuntime *sr_find_runtime(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, RUNTIME_INDEX);
  SrRuntime *rt = (SrRuntime *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return rt;
}

/* --- slots and the vault ---------------------------------------------------- */

bool sr_slots_peek(SrSlots *slots, uint32_t *number) {
  if (slots->count > 0) {
    *number = slots->given_back[slots->count - 1];
    return true;
  }
  if (slots->top == slots->capacity) {
    uint32_t capacity = slots->capacity == 0 ? 64 : slots->capacity * 2;
    uint32_t *given_back = (uint32_t *)realloc(slots->given_back, capacity * sizeof *given_back);
    if (given_back == NULL) return false;
    slots->given_back = given_back;
    slots->capacity = capacity;
  }
  *number = slots->top + 1;
  return true;
}

void sr_slots_free(SrSlots *slots) {
  free(slots->given_back);
  memset(slots, 0, sizeof *slots);
}

void sr_vault_set(lua_State *L, const void *key) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_vault_key);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, key);
  lua_pop(L, 1);
}

void sr_vault_get(lua_State *L, const void *key) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_vault_key);
  lua_rawgetp(L, -1, key);
  lua_replace(L, -2);
}

/* --- when there is no memory ------------------------------------------------- */

/* Calls the function given as its last argument. */
static int l_protected(lua_State *L) {
  lua_CFunction function = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return function(L);
}

bool sr_protected(lua_State *L, lua_CFunction function, int nargs, int nresults) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_protected_key);
  lua_insert(L, -nargs - 1);
  lua_pushcfunction(L, function);
  if (lua_pcall(L, nargs + 1, nresults, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}

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
  if (rt->is_testing)
    sr_push_leftovers(L, rt);
  else
    lua_pushnil(L);
  sr_loop_wind_down(L, rt);
  return 2;
}

static void new_table_at(lua_State *L, const void *key, const char *mode) {
  lua_newtable(L);
  if (mode != NULL) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

static void begin_run(lua_State *L, SrRuntime *rt, bool is_testing) {
  sr_loop_open(L, rt);
  memset(&rt->root, 0, sizeof rt->root);
  rt->root.kind = SR_SCOPE_RUN;
  rt->ready = rt->newest = NULL;
  rt->ready_count = rt->in_turn = 0;
  rt->main_task = rt->current = NULL;
  rt->settlers = NULL;
  rt->is_closing = false;
  rt->is_testing = rt->clock.is_virtual = is_testing;
  rt->clock.virtual_now = 0;
  rt->overdue = (int64_t)uv_hrtime() + rt->limit;
  rt->last_id = 0;
  rt->runs++;
  rt->is_running = true;
}

/* An array that has only empty places gives its memory back when a key of another kind makes it grow. */
static void shrink_live(lua_State *L) {
  lua_pushboolean(L, 1);
  lua_setfield(L, lua_upvalueindex(SR_UP_LIVE), "shrink");
  lua_pushnil(L);
  lua_setfield(L, lua_upvalueindex(SR_UP_LIVE), "shrink");
}

/* Lets go of what is kept in tables. If that fails the next run uses them as they are: nothing in them counts. */
static int l_renew_tables(lua_State *L) {
  new_table_at(L, &sr_idle_key, NULL);
  new_table_at(L, &sr_vault_key, NULL);
  shrink_live(L);
  return 0;
}

/* No task is left. Raises nothing. */
static void end_run(lua_State *L, SrRuntime *rt) {
  sr_loop_close(rt);
  rt->is_running = false;
  rt->is_testing = rt->clock.is_virtual = false;
  sr_clock_free(&rt->clock);
  sr_block_free_all(rt);
  sr_slots_free(&rt->live);
  rt->idle_count = rt->idle_capacity = 0;
  sr_protected(L, l_renew_tables, 0, 0);
  sr_report_failures(L, rt);
}

/* The frame of run. */
enum { RUN_MAIN = 1, RUN_LEFTOVERS };

/* Raises what main raised; a string gets the chain of tasks appended. */
static int raise_failure(lua_State *L) {
  int leftovers = RUN_LEFTOVERS;
  sr_push_failure(L, RUN_MAIN);
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
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
  bool came = rt->interrupt;
  rt->interrupt = 0;
  return came;
}

static int run(lua_State *L, const char *function, bool is_testing) {
  SrRuntime *rt = sr_rt(L);
  sr_check_function(L, function, 1, 1);
  int nargs = sr_pack_args(L, 1);
  if (rt->is_running) return luaL_error(L, "%s: a loop is running already (call the function, or spawn it)", function);
  sr_push_function(L, l_loop);
  lua_insert(L, 1);
  begin_run(L, rt, is_testing);
  int status = lua_pcall(L, nargs + 1, 2, 0);
  if (status != LUA_OK)
    sr_loop_kill_all(L, rt);
  else
    look_at_main(L);
  end_run(L, rt);
  bool interrupted = take_late_interrupt(rt);
  if (status != LUA_OK) return lua_error(L);
  SrFuture *main_task = (SrFuture *)lua_touserdata(L, RUN_MAIN);
  if (main_task->status != SR_DONE) return raise_failure(L);
  if (interrupted) return sr_push_error(L, "InterruptError", "EINTR", "interrupted"), lua_error(L);
  if (lua_isstring(L, RUN_LEFTOVERS)) return lua_error(L);
  return sr_push_results(L, main_task, RUN_MAIN, NULL);
}

int sr_l_run(lua_State *L) {
  return run(L, "run", false);
}

int sr_l_test_run(lua_State *L) {
  return run(L, "testing.run", true);
}

int sr_l_test_limit(lua_State *L) {
  double seconds = sr_check_deadline(L, "test_limit", 1, 1);
  sr_rt(L)->limit = seconds < 1e9 ? (int64_t)(seconds * 1e9) : 0;
  return 0;
}

int sr_l_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)sr_clock_now(&sr_rt(L)->clock) / 1e9);
  return 1;
}

/* --- opening and closing ---------------------------------------------------- */

static saros_runtime *foreign_runtime(lua_State *L) {
  return (saros_runtime *)(void *)sr_find_runtime(L);
}

static const saros_api api = {
    SAROS_API_VERSION,     foreign_runtime,  sr_foreign_loop,          sr_foreign_check,
    sr_foreign_cancelled,  sr_foreign_raise, sr_foreign_park,          sr_foreign_wake,
    sr_foreign_aborted,    sr_foreign_ready, sr_foreign_now,           sr_foreign_timer_start,
    sr_foreign_timer_stop, sr_foreign_close, sr_foreign_resource_open, sr_foreign_resource_close,
    sr_foreign_push_error, sr_arg_error,     sr_foreign_collected,
};

/* lua_close, perhaps in the middle of a run: nothing of Lua is touched any more. */
static int l_collect(lua_State *L) {
  SrRuntime *rt = (SrRuntime *)lua_touserdata(L, 1);
  sr_loop_close(rt);
  sr_scope_forget_all(rt);
  sr_clock_free(&rt->clock);
  sr_block_free_all(rt);
  sr_slots_free(&rt->live);
  sr_free_sources(rt);
  rt->is_running = false;
  return 0;
}

static SrRuntime *new_runtime(lua_State *L) {
  SrRuntime *rt = (SrRuntime *)lua_newuserdatauv(L, sizeof(SrRuntime), 0);
  memset(rt, 0, sizeof *rt);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawseti(L, LUA_REGISTRYINDEX, RUNTIME_INDEX);
  lua_getfield(L, LUA_REGISTRYINDEX, SAROS_LOOP_KEY);
  rt->borrowed = (uv_loop_t *)lua_touserdata(L, -1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&api);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
  lua_pop(L, 1);
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
  new_table_at(L, &sr_vault_key, NULL);
  new_table_at(L, &sr_origin_key, "k");
  new_table_at(L, &sr_names_key, "k");
  new_table_at(L, &sr_idle_key, NULL);
  sr_open_debug(rt);
  push_upvalues(L, rt);
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, -SR_UP_COUNT);
  lua_pushcclosure(L, l_protected, SR_UP_COUNT);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_protected_key);
  lua_pushcclosure(L, init, SR_UP_COUNT);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_module_key);
  return 1;
}
