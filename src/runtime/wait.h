/* SPDX-License-Identifier: MIT */
/*
** Waiting: check, park, wake, abort. sr_park holds the only lua_yieldk.
**
** Invariant: the first wake wins. A parked task has one record, its waiter, which stands
** in one list (or in the heap of deadlines, or with an operation of another module) until it is woken
** or aborted, never both. A task that was woken with a value gets it, even if it is
** cancelled in the same turn: the next await raises.
*/
#ifndef SR_WAIT_H
#define SR_WAIT_H

#include "runtime/clock.h"
#include "runtime/scope.h"

typedef struct SrWaiter SrWaiter;
typedef struct SrFuture SrFuture;

/* A link between tasks that wait for each other. Zeroed before the first; what is in it belongs to who gives the next. */
typedef struct SrLink {
  SrTask *task; /* at the other end, or NULL: there is none this time */
  const void *at;
  uint32_t index;
} SrLink;

/* Who waits for whom: what a search for cycles follows. Each gives the next link, and whether there may be more. */
typedef struct SrLinks {
  bool (*awaited)(const SrTask *t, SrLink *link);         /* from a task that waits in this way to what it waits for */
  bool (*waiting)(const SrWaiter *watcher, SrLink *link); /* from a watcher of a task to who waits by way of it */
  bool one_is_enough; /* it may go on before all that it owns have ended by themselves */
} SrLinks;

/* Of a task that is among the watchers of the only thing that it waits for. */
bool sr_link_awaited(const SrTask *t, SrLink *link);
bool sr_link_waiting(const SrWaiter *watcher, SrLink *link);
extern const SrLinks sr_await_links;

/* What a waiter waits for; one static struct for each kind. */
typedef struct SrKind {
  const char *name; /* shown in tracebacks, trees and reports: "semaphore" */
  /* Stop waiting. True: the task goes on at once; false: it is woken later, when what it joins has ended. */
  bool (*abort)(SrTask *t);
  size_t ring; /* of sr_abort_in_ring: where in what the task waits for the ring begins in which it stands */
  /* The watched task or future has ended (only for waiters in SrFuture.watchers). Must not raise. */
  void (*ended)(lua_State *L, SrWaiter *waiter, SrFuture *target);
  bool joins;           /* waits for the tasks that the innermost block of the task owns */
  const SrLinks *links; /* to other tasks than those that it owns; NULL: it waits for none, or for one of several */
  /*
  ** It is no task's own waiter, but was taken out of a ring in its place: the task that is handed what the ring stood
  ** for. NULL for all others. Must not raise.
  */
  SrTask *(*claim)(SrWaiter *waiter);
  /* The task was handed what it waited for, but is closed by force before it could take it: pass it on. */
  void (*undo)(lua_State *L, SrTask *t);
} SrKind;

/* A place in a ring of waiters, in order of arrival. */
struct SrWaiter {
  union {
    struct {
      SrWaiter *next, *prev;
    };
    SrTimer timer; /* a sleeping task stands in the heap instead */
  };
  const SrKind *kind;
};

/* How a wait came to its end. */
typedef enum SrOutcome {
  SR_WOKEN,        /* what it waited for is there */
  SR_BY_CANCEL,    /* a scope around it was cancelled */
  SR_BY_INTERRUPT, /* Ctrl-C, at main's await */
  SR_BY_DEADLOCK   /* nothing could ever have woken main */
} SrOutcome;

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

/* How many stand in a ring. */
lua_Integer sr_count_waiting(const SrWaiter *first);
/* Pushes what tostring shows: "queue (3 items, 2 waiting)", and returns 1. `first` is of the ring of who waits. [-0, +1, m] */
int sr_describe(lua_State *L, const SrObject *object, const SrWaiter *first, const char *format, ...);

/* The abort of a kind whose waiters do no more than stand in a ring of what they wait for. */
bool sr_abort_in_ring(SrTask *t);
/* Raises why nobody can wait here. [-0, +0, v] */
int sr_place_error(lua_State *L, const SrRuntime *rt, const char *function);
/* Whether Ctrl-C has come for this task, main, and no shield holds it back. */
bool sr_is_interrupted(const SrTask *t);
/* Lets the others have a turn, then raises what sr_is_cancelled saw. To be returned. [-0, +0, v] */
int sr_raise(lua_State *L, SrTask *t);
/* Raises what sr_is_cancelled saw, at once. [-0, +0, v] */
int sr_throw_pending(lua_State *L, SrTask *t);
/* Pushes what sr_throw raises. [-0, +1, m] */
void sr_push_thrown(lua_State *L, SrTask *t);
/* In a continuation: raises why the wait was aborted. [-0, +0, v] */
int sr_throw(lua_State *L, SrTask *t);
/*
** The CancelledError of a block that was just left has come out of it. If a scope around is cancelled by now,
** that counts, and is raised instead. [-0, +0, v]
*/
void sr_throw_outer(lua_State *L, SrTask *t);
/* The continuation of a wait that gives nothing, for sr_park. [-0, +0, v] */
int sr_k_nothing(lua_State *L, int status, lua_KContext ctx);
/* The same of one whose result its waker has left on top of the stack. [-0, +1, v] */
int sr_k_value(lua_State *L, int status, lua_KContext ctx);
/* Suspends the task. `object` is the kind's own. To be returned. [-0, +0, v] */
int sr_park(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k);
/* The same with a context of its own for `k`, which else gets the task. */
int sr_park_in(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx);
/* Returns the `n` values on top of an await that did not have to wait, now and then after a turn of the others. */
int sr_return(lua_State *L, SrTask *t, int n);
/* Lets every task that is ready run first, then goes on in `k`. To be returned. [-0, +0, v] */
int sr_turn(lua_State *L, SrTask *t, lua_KFunction k, lua_KContext ctx);
/* Makes a parked task ready. */
void sr_wake(SrTask *t);
/* The coroutine of this task was not resumed by the runtime: ends its wait. False: lua_close has ended the task itself. */
bool sr_end_stray_wait(SrTask *t);
/* The same, and raises in the task. [-0, +0, v] */
int sr_refuse_stray(lua_State *L, SrTask *t);
/* The task will never continue: stops its wait, whatever that says. */
void sr_give_up(SrTask *t);
/* Ends a wait before its time; does nothing unless the task is parked. */
void sr_abort(SrTask *t, SrOutcome outcome);
/* The task whose sleep this is. */
SrTask *sr_sleeper(SrTimer *timer);
/* Pushes what a parked task waits for: "semaphore", "task 'x'". [-0, +1, m] */
void sr_push_waits_for(lua_State *L, SrTask *t);

/* sleep(seconds) [-1, +0, v] */
int sr_l_sleep(lua_State *L);

/* The functions behind saros.h that wait. */
void sr_api_check(lua_State *L, const char *function);
int sr_api_cancelled(lua_State *L);
int sr_api_raise(lua_State *L);
int sr_api_park(lua_State *L, saros_wait *wait, const saros_kind *kind, lua_KFunction k, lua_KContext ctx);
void sr_api_wake(saros_wait *wait);
int sr_api_aborted(lua_State *L);
int sr_api_ready(lua_State *L, int n);

#endif
