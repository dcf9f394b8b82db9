/* SPDX-License-Identifier: MIT */
/* The loop of one run. See loop.h. */
#include "runtime/loop.h"

#include <stdlib.h>

#include "base/platform.h"
#include "runtime/clock.h"
#include "runtime/deadlock.h"
#include "runtime/debug.h"
#include "runtime/force.h"
#include "runtime/handle.h"
#include "runtime/inquiry.h"
#include "runtime/interrupt.h"
#include "runtime/park.h"
#include "runtime/pool.h"
#include "runtime/port.h"
#include "runtime/resource.h"
#include "runtime/scope.h"
#include "runtime/starter.h"
#include "runtime/step.h"

enum {
  POLL_STEPS = 64,     /* after so many steps the loop looks at I/O even if tasks are ready */
  UNHELD_STEPS = 1024, /* the same where nobody waits for any */
  MOST_ROUNDS = 16,    /* of polls in a row that make no task ready: what is left then concerns nobody */
  SWALLOW_LIMIT = 1000 /* cancellations that a task may swallow at the end of a run */
};

/* ... or after so many nanoseconds. */
static const int64_t POLL_INTERVAL = 100000;

/* How long a test waits at its end for what closes by itself, in nanoseconds of real time. */
static const int64_t LINGER_TIME = 500000000;

/* --- handles ---------------------------------------------------------------- */

static void on_signal(uv_async_t *async) {
  (void)async; /* waking the loop was all */
}

/* The heap is looked at after every poll. If this fires before libuv polls, the poll must not block. */
static void on_timer(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

static void on_poller_closed(uv_handle_t *handle) {
  SrPoller *poller = (SrPoller *)handle->data;
  if (--poller->open == 0) free(poller);
}

/* 0, or libuv's status. */
static int open_poller(SrRuntime *rt) {
  SrPoller *poller = (SrPoller *)calloc(1, sizeof *poller);
  if (poller == NULL) return UV_ENOMEM;
  int status = uv_timer_init(rt->loop.uv, &poller->timer);
  if (status != 0) return free(poller), status;
  poller->timer.data = poller;
  poller->open = 1;
  status = uv_async_init(rt->loop.uv, &poller->signal, on_signal);
  if (status != 0) {
    sr_close_handle((uv_handle_t *)&poller->timer, on_poller_closed);
    uv_run(rt->loop.uv, UV_RUN_NOWAIT);
    return status;
  }
  poller->signal.data = poller;
  poller->open = 2;
  uv_unref((uv_handle_t *)&poller->signal);
  rt->loop.poller = poller;
  return 0;
}

void sr_loop_open(lua_State *L, SrRuntime *rt) {
  int status;
  rt->loop.uv = rt->loop.borrowed;
  if (rt->loop.uv == NULL) {
    status = uv_loop_init(&rt->loop.own);
    if (status != 0) luaL_error(L, "run: cannot make a loop: %s", uv_strerror(status));
    rt->loop.uv = &rt->loop.own;
  }
  status = open_poller(rt);
  if (status != 0) {
    if (rt->loop.borrowed == NULL) uv_loop_close(&rt->loop.own);
    rt->loop.uv = NULL;
    luaL_error(L, "run: cannot open the handles of the loop: %s", uv_strerror(status));
  }
  if (rt->loop.borrowed == NULL || rt->loop.is_adopted) sr_interrupt_take(rt);
}

static void close_leftover(uv_handle_t *handle, void *unused) {
  (void)unused;
  sr_close_handle(handle, NULL);
}

static void close_own(SrRuntime *rt) {
  uv_walk(rt->loop.uv, close_leftover, NULL);
  uv_run(rt->loop.uv, UV_RUN_DEFAULT);
  uv_loop_close(rt->loop.uv);
}

/* On a host's loop the handles close when the host runs it again, which it does right now if it has a guest. */
void sr_loop_close(SrRuntime *rt) {
  if (rt->loop.uv == NULL) return;
  bool is_guest = rt->loop.guest != NULL;
  if (is_guest) rt->loop.leave(rt);
  sr_resource_end_run(rt);
  sr_port_shut(rt);
  sr_interrupt_give_back(rt);
  sr_inquiry_end(rt);
  sr_close_handle((uv_handle_t *)&rt->loop.poller->timer, on_poller_closed);
  sr_close_handle((uv_handle_t *)&rt->loop.poller->signal, on_poller_closed);
  rt->loop.poller = NULL;
  if (rt->loop.borrowed == NULL)
    close_own(rt);
  else if (!is_guest)
    uv_run(rt->loop.uv, UV_RUN_NOWAIT);
  rt->loop.uv = NULL;
}

/* --- vigils ----------------------------------------------------------------- */

void sr_loop_begin_vigil(SrRuntime *rt, SrVigil *vigil) {
  vigil->next = rt->loop.vigils;
  rt->loop.vigils = vigil;
}

void sr_loop_end_vigil(SrRuntime *rt, SrVigil *vigil) {
  SrVigil **link = &rt->loop.vigils;
  while (*link != NULL && *link != vigil) link = &(*link)->next;
  if (*link == vigil) *link = vigil->next;
}

/* Rings are left in many ways, so it is only looked at them before it matters whether anybody stands there. */
static void hold_vigils(const SrRuntime *rt, bool holds_all) {
  for (const SrVigil *vigil = rt->loop.vigils; vigil != NULL; vigil = vigil->next) {
    if (holds_all || *vigil->ring != NULL)
      uv_ref(vigil->handle);
    else
      uv_unref(vigil->handle);
  }
}

/*
** Polls without waiting. libuv does not look at a loop on which nothing is held, so a timer is: of what nobody waits for,
** like a child that has ended, it hears all the same, and of connections both ends of which are in this run.
*/
static void poll_at_once(const SrRuntime *rt) {
  uv_timer_t *timer = &rt->loop.poller->timer;
  hold_vigils(rt, true);
  bool is_held = uv_loop_alive(rt->loop.uv);
  if (!is_held) uv_timer_start(timer, on_timer, 1000, 0);
  uv_run(rt->loop.uv, UV_RUN_NOWAIT);
  if (!is_held) uv_timer_stop(timer);
  hold_vigils(rt, false);
}

/*
** Nothing is ready. What tasks of this run have done may be on its way to others, and lead to more of it without a task:
** whatever the system has goes first, before time passes. Whether a task is ready then.
*/
static bool poll_to_the_end(const SrRuntime *rt) {
  int rounds = 0;
  do poll_at_once(rt);
  while (!sr_is_busy(rt) && ++rounds < MOST_ROUNDS && sr_loop_has_events(rt->loop.uv));
  return sr_is_busy(rt);
}

/* --- polling ---------------------------------------------------------------- */

/* Takes a waiter out of the ready queue. If it is a starter the first of its children begins; there is a spare. */
static SrTask *take(SrRuntime *rt, SrWaiter *waiter) {
  if (sr_is_starter(waiter)) return sr_begin_child(rt, SR_CONTAINER(waiter, SrStarter, waiter));
  SrTask *t = sr_task_of(waiter);
  sr_unready(rt, t);
  return t;
}

/* Adds what stands for the `count` oldest that are ready to the list on top; returns how many entries those are. */
static lua_Integer list_ready(lua_State *L, const SrRuntime *rt, unsigned count) {
  lua_Integer entries = 0;
  for (SrWaiter *waiter = rt->ready.first; waiter != NULL && count > 0; waiter = waiter->next) {
    bool is_starter = sr_is_starter(waiter);
    unsigned tasks = is_starter ? SR_CONTAINER(waiter, SrStarter, waiter)->count : 1;
    if (is_starter || sr_task_of(waiter)->is_unseen)
      lua_pushboolean(L, false);
    else
      sr_push_task(L, sr_task_of(waiter));
    lua_rawseti(L, -2, ++entries);
    count -= tasks < count ? tasks : count;
  }
  return entries;
}

/* Asks the scheduler of a test which of the `count` oldest is to run next. */
static SrTask *choose(lua_State *L, SrRuntime *rt, unsigned count) {
  if (!rt->testing.begins_late)
    sr_begin_all(L, rt);
  else if (!sr_make_spare(L, rt))
    luaL_error(L, "not enough memory");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_scheduler_key);
  lua_createtable(L, (int)count, 0);
  lua_Integer entries = list_ready(L, rt, count);
  lua_call(L, 1, 1);
  lua_Integer choice = lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (choice < 1 || choice > entries) luaL_error(L, "the scheduler chose a task that is not ready");
  SrWaiter *waiter = rt->ready.first;
  for (; choice > 1; choice--) waiter = waiter->next;
  return take(rt, waiter);
}

/* Takes the oldest of the ready queue. NULL: a child that could not begin, or whatever there was is gone. */
static SrTask *take_oldest(lua_State *L, SrRuntime *rt) {
  if (!sr_is_starter(rt->ready.first)) return sr_take_ready(rt);
  bool has_spare = sr_make_spare(L, rt); /* finalizers run */
  SrWaiter *first = rt->ready.first;
  if (first == NULL) return NULL;
  if (!has_spare && sr_is_starter(first)) return sr_lose_child(rt, SR_CONTAINER(first, SrStarter, waiter)), NULL;
  return take(rt, first);
}

void sr_loop_drain(lua_State *L, SrRuntime *rt) {
  if (rt->ready.lost != NULL) sr_end_lost(L, rt);
  rt->turn++;
  rt->ready.in_turn = rt->ready.count;
  rt->loop.steps += rt->ready.in_turn;
  while (rt->ready.in_turn > 0 && rt->ready.count > 0) {
    SrTask *t = rt->testing.is_scheduled ? choose(L, rt, rt->ready.in_turn) : take_oldest(L, rt);
    rt->ready.in_turn--;
    if (t == NULL) continue;
    if (t->raised > SWALLOW_LIMIT && rt->is_closing) {
      t->future.state = SR_RUNNING; /* it stands in the queue no more */
      sr_kill(L, t);
    } else
      sr_step(L, t); /* the only call, so that it is compiled in here: a return after lua_resume is never foreseen */
  }
  rt->ready.in_turn = 0;
}

/*
** Whether somebody waits for I/O, or may. On a virtual clock what tasks tell each other over a connection is as soon as
** anything else.
*/
static bool holds_io(const SrRuntime *rt) {
  return rt->loop.vigils != NULL || uv_loop_alive(rt->loop.uv) || rt->clock.is_virtual;
}

/* Where nobody does, what comes may still have to be seen, if not soon: that a connection that idles has ended. */
static bool is_seldom_due(SrRuntime *rt) {
  rt->loop.unseen += rt->loop.steps;
  if (rt->loop.unseen < UNHELD_STEPS) return false;
  rt->loop.unseen = 0;
  return true;
}

/* Tasks are ready: a look at timers and I/O, if it is time for one. */
static void glance(SrRuntime *rt) {
  bool is_held = holds_io(rt);
  if (!is_held && rt->clock.count == 0 && rt->loop.steps < UNHELD_STEPS) return;
  int64_t now = (int64_t)uv_hrtime();
  if (!rt->clock.is_virtual && rt->loop.steps < POLL_STEPS && now - rt->loop.polled < POLL_INTERVAL) return;
  if (is_held || is_seldom_due(rt)) poll_at_once(rt);
  rt->loop.steps = 0;
  rt->loop.polled = now;
  sr_clock_fire(&rt->clock, sr_clock_now(&rt->clock));
}

/* How long to wait for I/O, in nanoseconds; INT64_MAX: for ever. */
static int64_t patience(const SrRuntime *rt, int64_t next, int64_t now) {
  int64_t wait = next == INT64_MAX ? INT64_MAX : next - sr_clock_now(&rt->clock);
  if (rt->testing.is_on && rt->testing.limit != 0 && rt->testing.overdue - now < wait) wait = rt->testing.overdue - now;
  return wait;
}

static void stop_poll(SrClock *clock) {
  uv_stop(SR_CONTAINER(clock, SrRuntime, clock)->loop.uv);
}

/* Blocks until I/O comes or the deadline at `next` passes. */
static void block(SrRuntime *rt, int64_t next) {
  int64_t began = (int64_t)uv_hrtime();
  uv_timer_t *timer = &rt->loop.poller->timer;
  int64_t wait = patience(rt, next, began);
  if (wait != INT64_MAX) {
    uint64_t due = (uint64_t)(wait > 0 ? (began + wait + 999999) / 1000000 : 0);
    uv_update_time(rt->loop.uv);
    uint64_t loop_now = uv_now(rt->loop.uv);
    uv_timer_start(timer, on_timer, due > loop_now ? due - loop_now : 0, 0);
  }
  rt->clock.hurry = stop_poll;
  uv_run(rt->loop.uv, UV_RUN_ONCE);
  rt->clock.hurry = NULL;
  uv_timer_stop(timer);
  rt->loop.polled = (int64_t)uv_hrtime();
  if (rt->clock.is_virtual) {
    rt->clock.virtual_now += rt->loop.polled - began;
    if (rt->clock.virtual_now > next) rt->clock.virtual_now = next;
  }
}

static bool wake_settlers(SrRuntime *rt) {
  if (rt->testing.settlers == NULL) return false;
  poll_to_the_end(rt);
  sr_clock_fire(&rt->clock, sr_clock_now(&rt->clock));
  SrWaiter *settler;
  if (rt->ready.count == 0)
    while ((settler = sr_ring_take(&rt->testing.settlers)) != NULL) sr_wake(sr_task_of(settler));
  return true;
}

/* No task is ready. */
static void wait_for_event(lua_State *L, SrRuntime *rt) {
  if (wake_settlers(rt)) return;
  int64_t next = sr_clock_next(&rt->clock);
  bool io = uv_loop_alive(rt->loop.uv);
  if (rt->clock.is_virtual || (!io && next == INT64_MAX)) {
    if (poll_to_the_end(rt)) return;
    next = sr_clock_next(&rt->clock);
    io = uv_loop_alive(rt->loop.uv);
  }
  if (!io && next == INT64_MAX) {
    sr_deadlock(L, rt);
    return;
  }
  if (!io && rt->clock.is_virtual) {
    rt->clock.virtual_now = next > rt->clock.virtual_now ? next : rt->clock.virtual_now;
  } else {
    sr_coroutine_trim(L, rt);
    block(rt, next);
  }
  sr_clock_fire(&rt->clock, sr_clock_now(&rt->clock));
}

static void poll(lua_State *L, SrRuntime *rt) {
  hold_vigils(rt, false);
  if (rt->interrupt.is_pending) sr_interrupt_main(rt);
  if (sr_is_busy(rt))
    glance(rt);
  else
    wait_for_event(L, rt);
  if (rt->interrupt.is_pending) sr_interrupt_main(rt);
  if (rt->inquiry.is_pending) sr_inquiry_answer(L, rt);
}

void sr_loop_turn(lua_State *L, SrRuntime *rt) {
  sr_loop_drain(L, rt);
  if (rt->main_task == NULL) return;
  if (rt->testing.is_on && rt->testing.limit != 0) sr_deadlock_check_limit(L, rt);
  poll(L, rt);
}

static bool has_named_resource(const SrRuntime *rt) {
  const saros_resource *resource = rt->resources;
  while (resource != NULL && resource->name == NULL) resource = resource->next;
  return resource != NULL;
}

void sr_loop_linger(SrRuntime *rt) {
  int64_t until = (int64_t)uv_hrtime() + LINGER_TIME;
  uv_timer_t *timer = &rt->loop.poller->timer;
  while (has_named_resource(rt) && uv_loop_alive(rt->loop.uv)) {
    int64_t left = until - (int64_t)uv_hrtime();
    if (left <= 0) return;
    uv_update_time(rt->loop.uv);
    uv_timer_start(timer, on_timer, (uint64_t)(left / 1000000 + 1), 0);
    uv_run(rt->loop.uv, UV_RUN_ONCE);
    uv_timer_stop(timer);
  }
}

/* --- the end of a run ------------------------------------------------------- */

void sr_loop_cancel_all(lua_State *L, SrRuntime *rt) {
  rt->is_closing = true;
  if (rt->root.children == NULL) return;
  sr_debug_cut_off(L, rt);
  sr_scope_forgive(&rt->root);
  sr_scope_cancel(&rt->root);
}

void sr_loop_wind_down(lua_State *L, SrRuntime *rt) {
  sr_loop_cancel_all(L, rt);
  while (rt->root.children != NULL) {
    sr_loop_drain(L, rt);
    if (rt->root.children != NULL) poll(L, rt);
  }
}

void sr_loop_kill_all(lua_State *L, SrRuntime *rt) {
  rt->is_closing = true;
  sr_kill_all_but(L, rt, NULL);
}
