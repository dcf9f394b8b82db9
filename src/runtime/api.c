/* SPDX-License-Identifier: MIT */
/* What stands behind saros.h. See api.h. */
#include "runtime/api.h"

#include "runtime/clock.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/object.h"
#include "runtime/port.h"
#include "runtime/resource.h"
#include "runtime/trace.h"
#include "runtime/wait.h"

static SrRuntime *runtime_of(saros_runtime *rt) {
  return (SrRuntime *)(void *)rt;
}

/* --- the loop and the clock --------------------------------------------------- */

static saros_runtime *api_runtime(lua_State *L) {
  return (saros_runtime *)(void *)sr_find_runtime(L);
}

static uv_loop_t *api_loop(saros_runtime *rt) {
  return runtime_of(rt)->loop.uv;
}

static double api_now(saros_runtime *rt) {
  return (double)sr_clock_now(&runtime_of(rt)->clock) / 1e9;
}

static int api_timer_start(saros_runtime *rt, saros_timer *timer, double seconds) {
  return sr_clock_start(&runtime_of(rt)->clock, (SrTimer *)timer, seconds, false);
}

static void api_timer_stop(saros_runtime *rt, saros_timer *timer) {
  sr_clock_stop(&runtime_of(rt)->clock, (SrTimer *)timer);
}

static saros_port *api_expect(saros_runtime *rt) {
  return sr_port_expect(runtime_of(rt));
}

/* --- operations of other modules ---------------------------------------------- */

static bool abort_api(SrTask *t) {
  saros_wait *wait = (saros_wait *)t->object;
  wait->task = NULL; /* whatever completes from now on finds nobody */
  bool stopped = wait->kind->abort(wait);
  if (!stopped) wait->task = t;
  return stopped;
}

/* Its abort is called at most once for each park. */
static void give_up_api(SrTask *t) {
  saros_wait *wait = (saros_wait *)t->object;
  wait->task = NULL;
  if (t->future.outcome == SR_WOKEN) wait->kind->abort(wait);
}

static const char *api_name(const SrTask *t) {
  return ((const saros_wait *)t->object)->kind->name;
}

static const SrKind api_kind = {.name = "operation", .name_of = api_name, .abort = abort_api, .give_up = give_up_api};

static int api_check(lua_State *L, const char *function) {
  return sr_is_cancelled(sr_check_wait_in(L, sr_runtime_here(L), function));
}

static int api_cancelled(lua_State *L) {
  SrTask *t = sr_runtime_here(L)->current;
  return t != NULL && sr_is_cancelled(t);
}

/* After a park that was aborted the others have had their turn already. */
static int api_raise(lua_State *L) {
  SrTask *t = sr_runtime_here(L)->current;
  return t->future.outcome == SR_WOKEN ? sr_raise(L, t) : sr_throw(L, t);
}

static int api_park(lua_State *L, saros_wait *wait, const saros_kind *kind, lua_KFunction k, lua_KContext ctx) {
  SrTask *t = sr_runtime_here(L)->current;
  wait->task = t;
  wait->kind = kind;
  return sr_park_checked(L, t, &api_kind, wait, k, ctx); /* a finalizer may have cancelled it since it asked */
}

static void api_wake(saros_wait *wait) {
  SrTask *t = (SrTask *)wait->task;
  if (t == NULL) return;
  wait->task = NULL;
  sr_wake(t);
}

static int api_aborted(lua_State *L) {
  SrTask *t = sr_runtime_here(L)->current;
  if (t == NULL || t->co != L) return sr_stray_error(L);
  return t->future.outcome != SR_WOKEN;
}

static int api_ready(lua_State *L, int n) {
  return sr_return(L, sr_runtime_here(L)->current, n);
}

/* --- other threads ------------------------------------------------------------- */

static int api_raise_traced(lua_State *L) {
  SrTask *t = sr_runtime_here(L)->current;
  if (t != NULL)
    sr_note_foreign(L, t);
  else
    lua_pop(L, 1);
  return lua_error(L);
}

static void api_leave_sigint(saros_runtime *rt) {
  runtime_of(rt)->interrupt.is_left = true;
}

static void api_interrupt(saros_runtime *rt) {
  sr_interrupt_run(runtime_of(rt));
}

/* --- the table ------------------------------------------------------------------ */

static const saros_api api = {
    .version = SAROS_API_VERSION,
    .runtime = api_runtime,
    .loop = api_loop,
    .check = api_check,
    .cancelled = api_cancelled,
    .raise = api_raise,
    .park = api_park,
    .wake = api_wake,
    .aborted = api_aborted,
    .ready = api_ready,
    .now = api_now,
    .timer_start = api_timer_start,
    .timer_stop = api_timer_stop,
    .close = sr_close_handle,
    .resource_open = sr_resource_open,
    .resource_close = sr_resource_close,
    .push_error = sr_push_error,
    .arg_error = sr_arg_error,
    .check_options = sr_check_options,
    .collected = sr_debug_collected,
    .raise_traced = api_raise_traced,
    .leave_sigint = api_leave_sigint,
    .interrupt = api_interrupt,
    .expect = api_expect,
    .post = sr_port_post,
    .forget = sr_port_forget,
    .unexpect = sr_port_unexpect,
};

void sr_open_api(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&api);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
}
