/* SPDX-License-Identifier: MIT */
/* The life of a task: its coroutine and its steps. The only lua_resume. See step.h. */
#include "runtime/step.h"

#include "runtime/debug.h"
#include "runtime/force.h"
#include "runtime/forgotten.h"
#include "runtime/interrupt.h"
#include "runtime/park.h"
#include "runtime/pool.h"
#include "runtime/scope.h"
#include "runtime/starter.h"
#include "runtime/task.h"

/* A rare path that is kept out of the function that calls it, so that this one needs fewer registers. */
#if defined(__GNUC__)
#define RARE __attribute__((noinline, cold))
#else
#define RARE
#endif

/* The frame of sr_l_body. After the call the results, or the error, start where the function was. */
enum { BODY_TASK = 1, BODY_HANDLER, BODY_FUNCTION, BODY_RESULTS = BODY_FUNCTION };

/* --- the body of a task, in its coroutine ------------------------------------ */

/*
** The coroutine of a task that is not the pool's, and has not been parked yet, is on top of the stack of `base`. From
** then on, until its end, the handle holds it; or that of async.coroutine in which the task is, which holds it in turn.
*/
static inline void anchor(lua_State *base, SrTask *t) {
  lua_rawgeti(base, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  lua_pushvalue(base, -2);
  lua_setiuservalue(base, -2, 1);
  lua_pop(base, 2);
  t->mooring = SR_MOORED;
}

/* Puts the coroutine in which the task is in the place of its own, or where that would be. */
static RARE void fetch(lua_State *base, const SrTask *t) {
  if (t->mooring == SR_ADRIFT) lua_pop(base, 1);
  lua_pushthread(t->co);
  lua_xmove(t->co, base, 1);
}

static inline void moor(lua_State *base, SrTask *t) {
  if (t->mooring == SR_POOLED || t->mooring == SR_MOORED) return;
  if (t->mooring == SR_MOVED || t->inner != NULL) fetch(base, t);
  anchor(base, t);
}

/* At its end the coroutine is held as it was at its beginning. */
static void lift(lua_State *L, SrTask *t) {
  if (t->place != 0) {
    t->mooring = SR_POOLED;
    return;
  }
  lua_pushthread(L);
  lua_xmove(L, t->rt->base, 1);
  t->mooring = SR_ADRIFT;
}

static const char STRAY_YIELD[] = "attempt to yield a task (coroutine.yield works inside a coroutine of your own; a "
                                  "task gives way by async.sleep(0))";

/* Raises in a task that called coroutine.yield: nobody could resume it. */
static void on_stray_yield(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, STRAY_YIELD);
}

/* Whether nobody but its block knows of the task, and nothing refers to it. */
static bool is_unknown(const SrTask *t) {
  return t->is_unseen && t->scope.parent->kind == SR_SCOPE_JOIN && t->future.watchers == NULL && !t->scope.cancelled &&
         !t->has_locals && t->inner == NULL && !t->rt->debug.is_watching;
}

/* Ends such a task, which another child may take over, if its block agrees. [-0, +0, m] */
static bool vacate(lua_State *L, SrTask *t, bool was_anchored) {
  SrBlock *block = (SrBlock *)(void *)t->scope.parent;
  if (!block->ops->child_done(block, L, t, BODY_RESULTS)) return false;
  if (was_anchored) {
    lua_pushnil(L);
    lua_setiuservalue(L, BODY_TASK, 1);
  }
  sr_put_aside(L, t->rt, t);
  return true;
}

/*
** The results of the task, or its error, stand from BODY_RESULTS on. Few of them leave room enough of the LUA_MINSTACK
** slots that the body has from the start. [-0, +0, m]
*/
static void end_body(lua_State *L, SrTask *t, bool ok) {
  if (lua_gettop(L) > BODY_RESULTS && !lua_checkstack(L, LUA_MINSTACK)) {
    lua_settop(L, BODY_RESULTS - 1);
    sr_push_memory_error(L);
    ok = false;
  }
  bool is_current = t == t->rt->current; /* else it was resumed by hand */
  bool was_anchored = t->mooring == SR_MOORED || t->mooring == SR_MOVED;
  if (was_anchored && is_current) lift(L, t);
  if (!ok) sr_forgotten_blame(L, t, &t->scope, BODY_RESULTS);
  if (t->current != &t->scope && sr_block_close_all(L, t)) {
    if (ok)
      lua_insert(L, BODY_RESULTS);
    else
      sr_debug_forgotten(L);
    lua_settop(L, BODY_RESULTS);
    ok = false;
  }
  if (ok && is_current && is_unknown(t) && vacate(L, t, was_anchored)) return;
  sr_end_task(L, t, BODY_RESULTS, ok);
}

/* Pushes the function that the handle of a new task holds, and its arguments. [-0, +n, m] */
static void push_held_call(lua_State *L, int nargs) {
  if (nargs > LUA_MINSTACK / 2 && !lua_checkstack(L, nargs + LUA_MINSTACK)) {
    sr_push_memory_error(L);
    lua_error(L);
  }
  for (int i = 1; i <= nargs + 1; i++) { /* the handle must not keep them alive */
    lua_getiuservalue(L, BODY_TASK, i);
    lua_pushnil(L);
    lua_setiuservalue(L, BODY_TASK, i);
  }
}

/* Pushes the function of a new task and its arguments; returns how many those are. [-0, +n, m] */
static inline int push_call(lua_State *L, SrTask *t) {
  int nargs = t->nargs;
  t->budget = SR_BUDGET;
  if (nargs == SR_BY_BLOCK) return sr_push_child_call(L, t);
  push_held_call(L, nargs);
  return nargs;
}

/* Takes the oldest of the ready queue if it has not begun yet; a child needs the spare. */
static SrTask *take_new(SrRuntime *rt) {
  SrWaiter *first = rt->ready.first;
  if (sr_is_starter(first)) {
    bool may_begin = rt->ready.spares != NULL && (!rt->testing.is_scheduled || rt->testing.begins_late);
    return may_begin ? sr_begin_child(rt, SR_CONTAINER(first, SrStarter, waiter)) : NULL;
  }
  bool is_new = sr_task_of(first)->future.state == SR_NEW && !rt->testing.is_scheduled;
  return is_new ? sr_take_ready(rt) : NULL;
}

/*
** The coroutine of a task that has ended goes on with the next task of this turn if that is a new one, which saves
** most of what a step costs. Puts the next one at BODY_TASK; returns NULL if there is none. [-n, +0, -]
*/
static SrTask *take_next(lua_State *L, SrRuntime *rt, const SrTask *before) {
  bool may_go_on = rt->current == before && rt->ready.in_turn > 0 && rt->ready.count > 0;
  if (!may_go_on || rt->debug.is_watching || rt->interrupt.is_pending) return NULL;
  uint16_t place = before->place;
  bool is_pooled = before->mooring == SR_POOLED;
  SrTask *t = take_new(rt);
  if (t == NULL) return NULL;
  rt->ready.in_turn--;
  t->co = L;
  t->place = place;
  t->mooring = is_pooled ? SR_POOLED : SR_ADRIFT;
  t->future.state = SR_RUNNING;
  rt->current = t;
  if (lua_gettop(L) != BODY_HANDLER) lua_settop(L, BODY_HANDLER);
  if (t == before) return t; /* as another child: the handle is there */
  lua_rawgeti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  lua_replace(L, BODY_TASK);
  return t;
}

/*
** The body is over and the coroutine goes on to other tasks, so it gets the hook of `base` back, whatever hook it has.
** If it has ours, the last thing that the task did was to yield: that error takes the place of its results. Returns how
** the task came out, as `status`. [-n, +n, m]
*/
static int drop_hook(lua_State *L, lua_State *base, int status) {
  bool is_stray = lua_gethook(L) == on_stray_yield;
  if (lua_checkstack(L, LUA_MINSTACK)) sr_coroutine_hook(L, L, base);
  if (!is_stray) return status;
  lua_settop(L, BODY_HANDLER);
  lua_pushstring(L, STRAY_YIELD);
  return LUA_ERRRUN;
}

static int k_body(lua_State *L, int status, lua_KContext ctx);

/* The groups that a task forgot have ended; `ok` is how its function came out. */
static int k_joined(lua_State *L, int status, lua_KContext ok) {
  (void)status;
  SrTask *t = (SrTask *)lua_touserdata(L, BODY_TASK);
  if (t == sr_rt(L)->current) sr_forgotten_joined(L, t);
  return k_body(L, ok ? LUA_OK : LUA_ERRRUN, 0);
}

static int k_body(lua_State *L, int status, lua_KContext ctx) {
  SrRuntime *rt = sr_rt(L);
  SrTask *t = (SrTask *)lua_touserdata(L, BODY_TASK);
  SrBlock *busy;
  (void)ctx;
  do {
    if (t != rt->current && !sr_end_stray_wait(t)) return 0;
    if (t->current != &t->scope && (busy = sr_forgotten_block(L, t, &t->scope)) != NULL)
      return sr_forgotten_join(L, t, busy, k_joined, status == LUA_OK || status == LUA_YIELD);
    if (sr_coroutine_is_hooked(L, rt->base)) status = drop_hook(L, rt->base, status);
    end_body(L, t, status == LUA_OK || status == LUA_YIELD);
    t = take_next(L, rt, t);
    if (t != NULL) status = lua_pcallk(L, push_call(L, t), LUA_MULTRET, BODY_HANDLER, 0, k_body);
  } while (t != NULL);
  return 0;
}

/* Runs the current task, and those after it. A yieldable protected call, so that __close may wait. */
int sr_l_body(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  lua_rawgeti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  return k_body(L, lua_pcallk(L, push_call(L, t), LUA_MULTRET, BODY_HANDLER, 0, k_body), 0);
}

/* --- step ------------------------------------------------------------------- */

/* Gives a new task its coroutine, which is pushed unless the pool holds it. False: no memory. [-0, +(0|1), -] */
static bool attach(lua_State *L, SrTask *t) {
  lua_State *co = sr_coroutine_take(L, t->rt, &t->place);
  if (co == NULL) return false;
  t->mooring = t->place != 0 ? SR_POOLED : SR_ADRIFT;
  if (sr_coroutine_is_hooked(co, L) && !sr_coroutine_hook(L, co, L)) {
    if (t->place == 0) lua_pop(L, 1);
    return false;
  }
  t->co = co;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_BODY));
  lua_xmove(L, co, 1);
  return true;
}

/* There is no memory for its coroutine: the task fails before it has begun. */
static void fail_to_start(lua_State *L, SrTask *t) {
  sr_push_memory_error(L);
  sr_finish_task(L, t, sr_l_end_task);
}

/* A coroutine that the task is in failed itself, for want of memory or closed by hand: that is told its resumer. */
static void crash_inner(lua_State *L, SrTask *t, lua_State *co) {
  SrCoroutine *c = t->inner;
  t->inner = c->outer;
  t->co = c->resumer;
  c->task = NULL;
  c->is_dead = c->has_failed = true;
  if (lua_status(t->co) == LUA_YIELD)
    lua_xmove(co, t->co, 1);
  else
    lua_pop(co, 1);
  sr_go_on(t);
  sr_move(t);
  moor(L, t);
}

/* Whether it was closed from outside, and all that stands there is the message that it cannot be resumed. */
static bool is_closed(lua_State *co) {
  return lua_status(co) == LUA_OK && lua_gettop(co) == 1;
}

/* The body itself failed, for want of memory, or is gone: the task fails with what is on top of its coroutine. */
static void crash(lua_State *L, SrTask *t, lua_State *co) {
  if (t->inner != NULL) {
    crash_inner(L, t, co);
    return;
  }
  lua_CFunction end = is_closed(co) ? sr_l_end_closed : sr_l_end_task;
  SrRuntime *rt = t->rt;
  unsigned place = t->future.state == SR_ENDED ? t->place : 0; /* else it is dropped at the end */
  t->co = NULL;
  lua_xmove(co, L, 1);
  sr_finish_task(L, t, end);
  if (t->mooring == SR_ADRIFT) lua_pop(L, 1);
  if (place != 0) sr_coroutine_drop(L, rt, place);
}

static const SrKind stray_kind = {.name = "its turn"};

static void refuse_yield(SrTask *t, int count) {
  lua_pop(t->co, count);
  lua_sethook(t->co, on_stray_yield, LUA_MASKCOUNT, 1);
  sr_ready(t->rt, t);
  t->future.state = SR_READY;
  t->future.outcome = SR_WOKEN;
  t->waiter.kind = &stray_kind;
}

/* What stands on a coroutine that has not begun, without its body. */
static int count_arguments(lua_State *co) {
  return lua_status(co) == LUA_OK && lua_gettop(co) > 0 ? lua_gettop(co) - 1 : 0;
}

static void move_hooks(lua_State *L, const SrRuntime *rt, lua_State *from, lua_State *to, bool is_watched) {
  if (rt->interrupt.is_pending) {
    sr_interrupt_unhook(from, L);
    sr_interrupt_hook(to);
  }
  if (is_watched) sr_debug_move(from, to);
}

/* The step of the task, which ran in `co` last, is over. `handle` is what sr_debug_start gave, or 0. */
static inline void end_step(lua_State *L, SrTask *t, lua_State *co, int status, int handle) {
  SrRuntime *rt = t->rt;
  unsigned place = t->place; /* it may have ended, and be gone before long */
  bool is_adrift = t->mooring == SR_ADRIFT;
  rt->current = NULL;
  if (rt->interrupt.is_pending) sr_interrupt_unhook(co, L);
  if (handle != 0) sr_debug_stop(L, handle, co);
  if (status == LUA_YIELD) {
    moor(L, t);
  } else if (status == LUA_OK) {
    if (is_adrift) lua_pop(L, 1);
    if (place != 0) sr_coroutine_give(rt, co, place);
  } else
    crash(L, t, co);
}

/* Puts the coroutine in which the task is at `index`, nil for its own. [-0, +0, -] */
static void hold(lua_State *L, const SrTask *t, int index) {
  if (t->inner == NULL)
    lua_pushnil(L);
  else {
    lua_pushthread(t->co);
    lua_xmove(t->co, L, 1);
  }
  lua_replace(L, index);
}

/*
** The task has left the coroutine `last`, with `count` values, but not to wait: it goes on in another one, if any. If that
** is one of async.coroutine, L holds it: its resumer may be closed while a coroutine of the plain library runs in it.
** Returns the status of the last one.
*/
static RARE int go_on(lua_State *L, SrTask *t, lua_State **last, int count, bool is_watched) {
  SrRuntime *rt = t->rt;
  lua_State *co = *last;
  int status = LUA_YIELD;
  lua_pushnil(L);
  int held = lua_gettop(L);
  while (status == LUA_YIELD && t->future.state == SR_RUNNING && t->co != co) {
    move_hooks(L, rt, co, t->co, is_watched);
    co = t->co;
    hold(L, t, held);
    status = lua_resume(co, L, count_arguments(co), &count);
    t = rt->current; /* it may have ended, and be another one */
  }
  lua_remove(L, held); /* the task may have put its own above it */
  if (status == LUA_YIELD && t->future.state == SR_RUNNING) refuse_yield(t, count);
  *last = co;
  return status;
}

/*
** The coroutine of the task itself is the pool's, or stands on top of L during the step, unless it has been parked: then
** the handle holds it. The others that it may be in are held by the frames of those that resumed them, and each holds its
** resumer: somebody may close one of them, which empties its frames.
*/
void sr_step(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  int count = 0;
  if (t->future.state == SR_NEW && !attach(L, t)) {
    fail_to_start(L, t);
    return;
  }
  lua_State *co = t->co;
  t->future.state = SR_RUNNING;
  rt->current = t;
  if (rt->interrupt.is_pending) sr_interrupt_hook(co);
  int handle = rt->debug.is_watching ? sr_debug_start(L, t) : 0;
  SrRuntime *outer = sr_stepping; /* a task may run the loop of another state */
  sr_stepping = rt;
  int status = lua_resume(co, L, count, &count);
  t = rt->current; /* by now it may be another one */
  if (status == LUA_YIELD && t->future.state == SR_RUNNING) {
    lua_State *last = co;
    status = go_on(L, t, &last, count, handle != 0);
    co = last;
    t = rt->current;
  }
  end_step(L, t, co, status, handle);
  sr_stepping = outer;
}

int sr_resume_nested(lua_State *co, lua_State *L, int nargs, int *nresults) {
  return lua_resume(co, L, nargs, nresults);
}
