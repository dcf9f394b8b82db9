/* SPDX-License-Identifier: MIT */
/* Runs that a host works. See guest.h. */
#include "runtime/guest.h"

#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/failure.h"
#include "runtime/future.h"
#include "runtime/handle.h"
#include "runtime/loop.h"
#include "runtime/pool.h"
#include "runtime/resource.h"
#include "runtime/run.h"
#include "runtime/wait.h"

/* The registry has the coroutine under it that tasks run on top of. */
static const char base_key = 0;

struct SrGuest {
  uv_prepare_t prepare; /* a turn before the loop waits; counts as alive as long as there are tasks */
  uv_check_t check;     /* a turn after it has waited */
  uv_idle_t idle;       /* active while the loop must not wait */
  uv_timer_t timer;     /* the next deadline */
  SrRuntime *rt;        /* NULL once the run has ended */
  void (*on_ended)(void *owner);
  void *owner;
  bool has_ended; /* the run has, by itself */
  int open;       /* handles that are not closed yet */
};

/* --- turns ------------------------------------------------------------------------ */

static void on_idle(uv_idle_t *idle) {
  (void)idle; /* that it is active was all */
}

static void on_timer(uv_timer_t *timer) {
  (void)timer; /* the heap is looked at in the next turn */
}

static void hurry(SrClock *clock) {
  SrRuntime *rt = SR_CONTAINER(clock, SrRuntime, clock);
  clock->hurry = NULL;
  uv_idle_start(&rt->loop.guest->idle, on_idle);
}

static bool is_over(const SrRuntime *rt) {
  return rt->is_closing && rt->root.children == NULL;
}

static void arm(SrGuest *guest) {
  int64_t next = sr_clock_next(&guest->rt->clock);
  if (next == INT64_MAX) {
    uv_timer_stop(&guest->timer);
    return;
  }
  int64_t wait = next - sr_clock_now(&guest->rt->clock);
  uv_update_time(guest->timer.loop);
  uv_timer_start(&guest->timer, on_timer, wait > 0 ? (uint64_t)(wait + 999999) / 1000000 : 0, 0);
}

/* Has the loop do what the state of the run asks for. */
static void arrange(SrGuest *guest) {
  SrRuntime *rt = guest->rt;
  if (sr_is_busy(rt) || is_over(rt)) {
    hurry(&rt->clock);
  } else {
    uv_idle_stop(&guest->idle);
    sr_coroutine_trim(rt->base, rt);
    arm(guest);
    rt->clock.hurry = hurry;
  }
  if (rt->root.children != NULL)
    uv_ref((uv_handle_t *)&guest->prepare);
  else
    uv_unref((uv_handle_t *)&guest->prepare);
}

static int l_drain(lua_State *L) {
  sr_loop_drain(L, sr_rt(L));
  return 0;
}

static int l_kill_all(lua_State *L) {
  sr_loop_kill_all(L, sr_rt(L));
  return 0;
}

static void end(SrGuest *guest);

static void turn(SrGuest *guest) {
  SrRuntime *rt = guest->rt;
  if (rt == NULL || rt->current != NULL) return; /* ended; or a task turns the loop itself */
  rt->clock.hurry = NULL;
  sr_clock_fire(&rt->clock, sr_clock_now(&rt->clock));
  if (sr_is_busy(rt) && !sr_protected(rt->base, l_drain, 0, 0)) sr_protected(rt->base, l_kill_all, 0, 0);
  if (is_over(rt))
    end(guest);
  else
    arrange(guest);
}

static void on_prepare(uv_prepare_t *prepare) {
  turn((SrGuest *)prepare->data);
}

static void on_check(uv_check_t *check) {
  turn((SrGuest *)check->data);
}

/* --- the end ----------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  SrGuest *guest = (SrGuest *)handle->data;
  if (--guest->open > 0) return;
  if (guest->has_ended && guest->on_ended != NULL) guest->on_ended(guest->owner);
  free(guest);
}

/* Closes the handles. Touches no Lua. */
static void leave(SrRuntime *rt) {
  SrGuest *guest = rt->loop.guest;
  uv_handle_t *handles[] = {(uv_handle_t *)&guest->prepare, (uv_handle_t *)&guest->check, (uv_handle_t *)&guest->idle,
                            (uv_handle_t *)&guest->timer};
  rt->clock.hurry = NULL;
  rt->loop.guest = NULL;
  guest->rt = NULL;
  for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++) sr_close_handle(handles[i], on_closed);
}

/* No task is left. */
static void end(SrGuest *guest) {
  SrRuntime *rt = guest->rt;
  lua_State *L = rt->base;
  guest->has_ended = true;
  sr_run_end(L, rt);
  if (rt->loop.guest != NULL) return; /* a report has begun the next run */
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &base_key);
}

static int l_cancel_all(lua_State *L) {
  sr_loop_cancel_all(L, sr_rt(L));
  return 0;
}

static SrRuntime *check_guest(lua_State *L, const char *function) {
  SrRuntime *rt = sr_find_runtime(L);
  if (rt == NULL || rt->loop.guest == NULL) luaL_error(L, "%s: no run was begun on the host's loop", function);
  return rt;
}

static void host_end(lua_State *L, void (*on_ended)(void *owner), void *owner) {
  SrRuntime *rt = check_guest(L, "end");
  rt->loop.guest->on_ended = on_ended;
  rt->loop.guest->owner = owner;
  if (rt->is_closing) return;
  if (!sr_protected(L, l_cancel_all, 0, 0)) sr_protected(L, l_kill_all, 0, 0);
  arrange(rt->loop.guest);
}

/* --- the beginning -------------------------------------------------------------------- */

static void start_handles(SrGuest *guest, uv_loop_t *loop) {
  uv_prepare_init(loop, &guest->prepare);
  uv_check_init(loop, &guest->check);
  uv_idle_init(loop, &guest->idle);
  uv_timer_init(loop, &guest->timer);
  guest->prepare.data = guest->check.data = guest->idle.data = guest->timer.data = guest;
  guest->open = 4;
  uv_prepare_start(&guest->prepare, on_prepare);
  uv_check_start(&guest->check, on_check);
  uv_unref((uv_handle_t *)&guest->check);
  uv_unref((uv_handle_t *)&guest->timer);
}

static int l_begin_run(lua_State *L) {
  sr_run_begin(L, sr_find_runtime(L), false);
  return 0;
}

static void host_begin(lua_State *L) {
  SrRuntime *rt = sr_find_runtime(L);
  if (rt->is_running) luaL_error(L, "begin: a loop is running already");
  if (rt->loop.borrowed == NULL)
    luaL_error(L, "begin: no loop was handed over (call saros_use_loop before \"saros\" is required)");
  lua_State *base = lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &base_key);
  SrGuest *guest = (SrGuest *)calloc(1, sizeof *guest);
  if (guest == NULL) luaL_error(L, "not enough memory");
  lua_pushcfunction(L, l_begin_run);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    free(guest);
    lua_error(L);
  }
  rt->loop.guest = guest;
  rt->loop.leave = leave;
  rt->base = base;
  guest->rt = rt;
  start_handles(guest, rt->loop.borrowed);
  arrange(guest);
}

/* --- tasks ------------------------------------------------------------------------------ */

typedef void (*OnEnd)(lua_State *L, int ok, int count, void *owner);

typedef struct Ending {
  OnEnd on_end;
  void *owner;
} Ending;

/* Takes the task. */
static int l_ended(lua_State *L) {
  Ending *ending = (Ending *)lua_touserdata(L, lua_upvalueindex(1));
  const SrFuture *task = (const SrFuture *)lua_touserdata(L, 1);
  int count = 1, ok = task->status == SR_DONE;
  if (ok)
    count = sr_push_results(L, (SrFuture *)lua_touserdata(L, 1), 1, NULL);
  else
    sr_push_failure(L, 1);
  ending->on_end(L, ok, count, ending->owner);
  return 0;
}

/* The task is on top. */
static void tell_end(lua_State *L, OnEnd on_end, void *owner) {
  lua_getfield(L, -1, "on_done");
  lua_pushvalue(L, -2);
  Ending *ending = (Ending *)lua_newuserdatauv(L, sizeof *ending, 0);
  ending->on_end = on_end;
  ending->owner = owner;
  lua_pushcclosure(L, l_ended, 1);
  lua_call(L, 2, 0);
}

static void host_spawn(lua_State *L, int nargs, OnEnd on_end, void *owner) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_module_key);
  lua_rawgeti(L, -1, 1);
  lua_getfield(L, -1, "spawn");
  lua_insert(L, -nargs - 4);
  lua_pop(L, 2);
  lua_call(L, nargs + 1, 1);
  if (on_end != NULL) tell_end(L, on_end, owner);
}

static const saros_host_api api = {
    .version = SAROS_API_VERSION, .begin = host_begin, .spawn = host_spawn, .end = host_end};

void sr_open_guest(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&api);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_HOST_KEY);
}
