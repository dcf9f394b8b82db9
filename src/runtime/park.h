/* SPDX-License-Identifier: MIT */
/*
** The ready queue, rings of waiters, park, wake and abort. This file holds the only lua_yieldk.
**
** Invariant: the first wake wins. A parked task has one record, its waiter, which stands in one ring (or in the heap of
** deadlines, or with an operation of another module) until it is woken or aborted, never both. A task that was woken
** with a value gets it, even if it is cancelled in the same turn: the next await raises.
*/
#ifndef SR_PARK_H
#define SR_PARK_H

#include "runtime/state.h"

/* --- rings of waiters -------------------------------------------------------- */

/* Rings of waiters: `first` is the oldest. */
static inline void sr_ring_append(SrWaiter **first, SrWaiter *waiter) {
  if (*first == NULL) {
    *first = waiter->next = waiter->prev = waiter;
    return;
  }
  SrWaiter *oldest = *first;
  waiter->next = oldest;
  waiter->prev = oldest->prev;
  oldest->prev->next = waiter;
  oldest->prev = waiter;
}

static inline void sr_ring_remove(SrWaiter **first, SrWaiter *waiter) {
  if (waiter->next == waiter) {
    *first = NULL;
    return;
  }
  waiter->prev->next = waiter->next;
  waiter->next->prev = waiter->prev;
  if (*first == waiter) *first = waiter->next;
}

/* Takes the oldest, or NULL. */
static inline SrWaiter *sr_ring_take(SrWaiter **first) {
  SrWaiter *oldest = *first;
  if (oldest != NULL) sr_ring_remove(first, oldest);
  return oldest;
}

/* The abort of a kind whose waiters do no more than stand in a ring of what they wait for. */
bool sr_abort_in_ring(SrTask *t);

/* --- the ready queue --------------------------------------------------------- */

static inline SrTask *sr_task_of(SrWaiter *waiter) {
  return SR_CONTAINER(waiter, SrTask, waiter);
}

/*
** The coroutine of a task that waits was closed from outside, by coroutine.close: all that was on its stack, what it
** waits for too, may be gone. Not for a task that runs. One that has ended has none.
*/
static inline bool sr_is_closed(const SrTask *t) {
  return t->co == NULL || lua_status(t->co) != LUA_YIELD;
}

/* The same of one whose wait cannot be ended any more: its waiter may stand in a ring that is gone, or in one that is not. */
static inline bool sr_is_lost(const SrTask *t) {
  return !t->waiter.kind->joins && !t->waiter.kind->lasts && sr_is_closed(t);
}

/* Makes a parked task ready. */
void sr_wake(SrTask *t);

/*
** Takes the oldest out of a ring, which is not empty, to hand something over: the task that it is for. All that it waits
** for beside that is over for it. NULL: that was closed, so it can take nothing, and goes on without.
*/
static inline SrTask *sr_take_oldest(SrWaiter **ring) {
  SrWaiter *waiter = sr_ring_take(ring);
  SrTask *t = waiter->kind->claim == NULL ? sr_task_of(waiter) : waiter->kind->claim(waiter);
  if (!sr_is_closed(t)) return t;
  sr_wake(t);
  return NULL;
}

/* The oldest that can take something; NULL: there is none. */
static inline SrTask *sr_take_waiting(SrWaiter **ring) {
  SrTask *t = NULL;
  while (t == NULL && *ring != NULL) t = sr_take_oldest(ring);
  return t;
}

/* Children that have not begun stand in the queue with this kind. */
extern const SrKind sr_starter_kind;

static inline bool sr_is_starter(const SrWaiter *waiter) {
  return waiter->kind == &sr_starter_kind;
}

/*
** Puts a waiter at the end of the ready queue; whoever calls this counts it. libuv up to 1.44 runs timers, and each
** version idle and prepare callbacks, before it polls: the poll must not block once a task is ready.
*/
static inline void sr_enqueue(SrRuntime *rt, SrWaiter *waiter) {
  waiter->next = NULL;
  if (rt->ready.last == NULL) {
    rt->ready.first = waiter;
    if (rt->clock.hurry != NULL) rt->clock.hurry(&rt->clock);
  } else
    rt->ready.last->next = waiter;
  waiter->prev = rt->ready.last;
  rt->ready.last = waiter;
}

/* The same before one that stands there, and taking one out. */
void sr_enqueue_before(SrRuntime *rt, SrWaiter *at, SrWaiter *waiter);
void sr_dequeue(SrRuntime *rt, SrWaiter *waiter);

/* Whether there is anything to do at once. */
static inline bool sr_is_busy(const SrRuntime *rt) {
  return rt->ready.count > 0 || rt->ready.lost != NULL;
}

/* Puts a task at the end of the ready queue. */
static inline void sr_ready(SrRuntime *rt, SrTask *t) {
  sr_enqueue(rt, &t->waiter);
  rt->ready.count++;
}

/* Takes the oldest of the ready queue, which is a task. */
static inline SrTask *sr_take_ready(SrRuntime *rt) {
  SrTask *t = sr_task_of(rt->ready.first);
  rt->ready.first = t->waiter.next;
  if (rt->ready.first == NULL) rt->ready.last = NULL;
  rt->ready.count--;
  return t;
}

/* Takes a task that stands in the ready queue out of it. */
void sr_unready(SrRuntime *rt, SrTask *t);

/* --- before a wait ----------------------------------------------------------- */

/* Raises why nobody can wait here. [-0, +0, v] */
int sr_place_error(lua_State *L, const SrRuntime *rt, const char *function);

/* The calling task; raises, naming the function and the reason, where nobody can wait. [-0, +0, v] */
static inline SrTask *sr_check_wait_in(lua_State *L, SrRuntime *rt, const char *function) {
  SrTask *t = rt->current;
  if (t == NULL || t->co != L || !lua_isyieldable(L)) sr_place_error(L, rt, function);
  return t;
}

static inline SrTask *sr_check_wait(lua_State *L, const char *function) {
  return sr_check_wait_in(L, sr_rt(L), function);
}

/* Whether Ctrl-C has come for this task, main, and no shield holds it back. */
bool sr_is_interrupted(const SrTask *t);

/* Whether the next await of this task has to raise. */
static inline bool sr_is_cancelled(const SrTask *t) {
  return t->current->cause != NULL || (t->rt->interrupt.is_pending && sr_is_interrupted(t));
}

/* Awaits in a row that may return without a turn of the others. */
enum { SR_BUDGET = 256 };

/* Whether an await that need not wait has to give the others a turn all the same. */
static inline bool sr_is_spent(SrTask *t) {
  return --t->budget == 0;
}

/* --- waiting ---------------------------------------------------------------- */

/* Suspends the task. `object` is the kind's own. To be returned. [-0, +0, v] */
int sr_park(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k);
/* The same with a context of its own for `k`, which else gets the task. */
int sr_park_in(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx);
/* The same; a cancellation that came since the caller asked for one ends the wait at once. */
int sr_park_checked(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx);
/* Returns the `n` values on top of an await that did not have to wait, now and then after a turn of the others. */
int sr_return(lua_State *L, SrTask *t, int n);
/* Lets every task that is ready run first, then goes on in `k`. To be returned. [-0, +0, v] */
int sr_turn(lua_State *L, SrTask *t, lua_KFunction k, lua_KContext ctx);
/*
** Leaves this coroutine, with `n` values for who resumed it, unless the task that is in it has been put into another
** one: then its step goes on there. To be returned. [-n, +0, v]
*/
int sr_switch(lua_State *L, int n, lua_KFunction k, lua_KContext ctx);
/* Ends a wait before its time; does nothing unless the task is parked. */
void sr_abort(SrTask *t, SrOutcome outcome);
/* What stands in for the kind of a lost task, which stays in the ring where it is. */
extern const SrKind sr_lost_kind;
/* Stops the wait of a task that will never continue, even if its kind would rather wait on. */
void sr_give_up(SrTask *t);

/* The task has gone into or out of a coroutine of async.coroutine. */
static inline void sr_move(SrTask *t) {
  if (t->mooring != SR_ADRIFT) t->mooring = SR_MOVED;
}

/* --- coroutines of tasks in the hands of others ------------------------------ */

/*
** The coroutine of this task was resumed, but not by the runtime: ends its wait. False if lua_close has ended the task
** itself.
*/
bool sr_end_stray_wait(SrTask *t);
/* Raises that a coroutine was resumed by hand. [-0, +0, v] */
int sr_stray_error(lua_State *L);
/* A task whose stray wait has ended gets its turn. */
void sr_go_on(SrTask *t);
/* Both. [-0, +0, v] */
int sr_refuse_stray(lua_State *L, SrTask *t);

/* In a continuation: whether what was waited for is there. [-0, +0, v] */
static inline bool sr_was_woken(lua_State *L, SrTask *t) {
  if (t->future.state != SR_RUNNING) sr_refuse_stray(L, t);
  return t->future.outcome == SR_WOKEN;
}

#endif
