/* SPDX-License-Identifier: MIT */
/*
** The runtime: one for each Lua state. Owns the ready queue, the clock, the pool of
** coroutines and, during a run, the loop.
**
** Invariant: Lua runs between two calls of uv_run, never inside one, so no Lua error
** can cross libuv and lua_close finds no libuv frame below it.
*/
#ifndef SR_RUNTIME_H
#define SR_RUNTIME_H

#include "runtime/source.h"
#include "runtime/task.h"

/* The calling task; raises, naming the function and the reason, where nobody can wait. [-0, +0, v] */
static inline SrTask *sr_check_wait_in(lua_State *L, SrRuntime *rt, const char *function) {
  SrTask *t = rt->current;
  if (t == NULL || t->co != L || !lua_isyieldable(L)) sr_place_error(L, rt, function);
  return t;
}

static inline SrTask *sr_check_wait(lua_State *L, const char *function) {
  return sr_check_wait_in(L, sr_rt(L), function);
}

/*
** Puts a task at the end of the ready queue. libuv up to 1.44 runs timers, and each version idle and prepare
** callbacks, before it polls: the poll must not block once a task is ready.
*/
static inline void sr_ready(SrRuntime *rt, SrTask *t) {
  t->waiter.next = NULL;
  if (rt->newest == NULL) {
    rt->ready = &t->waiter;
    if (rt->clock.polled != NULL) uv_stop(rt->clock.polled);
  } else
    rt->newest->next = &t->waiter;
  t->waiter.prev = rt->newest;
  rt->newest = &t->waiter;
  rt->ready_count++;
}

static inline SrTask *sr_task_of(SrWaiter *waiter) {
  return SR_CONTAINER(waiter, SrTask, waiter);
}

/* Takes the oldest of the ready queue, which is not empty. */
static inline SrTask *sr_take_ready(SrRuntime *rt) {
  SrTask *t = sr_task_of(rt->ready);
  rt->ready = t->waiter.next;
  if (rt->ready == NULL) rt->newest = NULL;
  rt->ready_count--;
  return t;
}

/* Whether the next await of this task has to raise. */
static inline bool sr_is_cancelled(const SrTask *t) {
  return t->current->cause != NULL || (t->rt->interrupt && sr_is_interrupted(t));
}

/* Takes a task that stands in the ready queue out of it. */
void sr_unready(SrRuntime *rt, SrTask *t);

/* In a continuation: whether what was waited for is there. [-0, +0, v] */
static inline bool sr_was_woken(lua_State *L, SrTask *t) {
  if (t->future.state != SR_RUNNING) sr_refuse_stray(L, t);
  return t->future.outcome == SR_WOKEN;
}

/* Awaits in a row that may return without a turn of the others. */
enum { SR_BUDGET = 256 };

/* Whether an await that need not wait has to give the others a turn all the same. */
static inline bool sr_is_spent(SrTask *t) {
  return --t->budget == 0;
}

/*
** Pushes the table of functions. The first time it makes the runtime of this Lua state and has `init` fill
** the table; whoever loads the module again gets the same one. [-0, +1, v]
*/
int sr_open_runtime(lua_State *L, lua_CFunction init);

/* run(main, ...), now() */
int sr_l_run(lua_State *L);
int sr_l_now(lua_State *L);
/* What saros.testing is made of: run(fn) on a virtual clock, settle() */
int sr_l_test_run(lua_State *L);
int sr_l_settle(lua_State *L);
/* test_limit(seconds): how long, by a real clock, a test may run before main is told */
int sr_l_test_limit(lua_State *L);

#endif
