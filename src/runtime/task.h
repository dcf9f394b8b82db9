/* SPDX-License-Identifier: MIT */
/*
** Tasks. A task is a future with a coroutine, taken from a pool at its first step.
**
** Invariant: from spawn to end the table of live tasks holds the handle, and the handle
** is the task, so a C pointer to a task that has not ended is always good.
*/
#ifndef SR_TASK_H
#define SR_TASK_H

#include "runtime/selectable.h"

typedef enum SrStatus { SR_PENDING, SR_DONE, SR_FAILED, SR_CANCELLED } SrStatus;

typedef enum SrState {
  SR_NEW,     /* in the ready queue, without a coroutine */
  SR_READY,   /* in the ready queue */
  SR_RUNNING, /* the one that runs */
  SR_PARKED,  /* waits */
  SR_ENDED
} SrState;

/*
** What can be awaited. User value 1 holds its result; a table of results if there are more;
** the failure box if it failed; the CancelledError if it was cancelled.
** Of a task that has not ended: the function to run, later the coroutine that runs it.
*/
struct SrFuture {
  SrObject head;
  SrWaiter *watchers; /* who waits for its end */
  uint32_t count;     /* how many results it has; before the end of a task, its index in its join */
  uint8_t status;     /* SrStatus */
  uint8_t state;      /* of a task: SrState */
  uint8_t outcome;    /* of a task: how its last wait ended, an SrOutcome */
  bool has_callbacks; /* functions were given to on_done: the anchor holds those of a task, under its address */
};

struct SrTask {
  SrFuture future;
  SrScope scope;    /* the task as a scope, below what owns it */
  SrWaiter waiter;  /* its place in the ready queue, or in what it waits for */
  void *object;     /* what it waits for: the kind's own; at its end the block that has to hear of it */
  lua_State *co;    /* its coroutine, from the first step to the end */
  SrScope *current; /* the innermost scope it is in */
  SrRuntime *rt;
  uint32_t slot;    /* in the table of live tasks */
  uint32_t id;      /* counts tasks in spawn order */
  uint16_t budget;  /* awaits left that need not wait; before the first step, how many arguments it has */
  uint16_t raised;  /* cancellations raised in it, up to a limit */
  bool is_anchored; /* it has been parked: user value 1 is its coroutine */
  uint8_t seen;     /* in a search for a cycle: the side that came here, else 0 */
};

extern const SrClass sr_task_class;
extern const SrClass sr_future_class;

/* The task at `arg`, or NULL. */
static inline SrTask *sr_test_task(lua_State *L, int arg) {
  return (SrTask *)sr_test(L, arg, &sr_task_class);
}
/* The task or future at `arg`, or NULL. */
static inline SrFuture *sr_test_future(lua_State *L, int arg) {
  SrFuture *future = (SrFuture *)sr_test(L, arg, &sr_task_class);
  return future != NULL ? future : (SrFuture *)sr_test(L, arg, &sr_future_class);
}

/*
** Spawns the function at `first` with the `nargs` values after it, owned by `parent`; pushes the
** handle. `nargs` is at most SR_MAX_ARGS. Its place is that of `parent` if that is a join, which
** starts many tasks at one place, else that of the calling Lua code. [-0, +1, m]
*/
SrTask *sr_spawn(lua_State *L, SrRuntime *rt, SrScope *parent, int first, int nargs);
/*
** The two halves of it. Finalizers run in the first one, which makes a task that nobody knows of, so whoever has to
** look at `parent` does that between them. [-0, +1, m]
*/
SrTask *sr_push_new_task(lua_State *L, int first, int nargs);
/* Its handle is on top. [-0, +0, m] */
void sr_start_task(lua_State *L, SrRuntime *rt, SrTask *t, SrScope *parent);
enum { SR_MAX_ARGS = 250 };
/*
** The number of arguments after the function at `first`, up to the top. More than a task can take are packed
** into a function that has none and calls that one. [-0, +0, m]
*/
int sr_pack_args(lua_State *L, int first);

/* Pushes the handle of a task that has not ended. [-0, +1, -] */
void sr_push_task(lua_State *L, const SrTask *t);
/* Spawns the functions given to on_done. [-0, +0, -] */
void sr_call_back(lua_State *L, SrTask *t);
/* Pushes its name. [-0, +1, m] */
void sr_push_name(lua_State *L, SrTask *t);
/* Pushes the name of the task at `index`, which may have ended. [-0, +1, m] */
void sr_push_name_of(lua_State *L, int index);
/* Gives the task at `index` the name on top. [-1, +0, m] */
void sr_set_name(lua_State *L, int index);

/* Runs one step of a task. */
void sr_step(lua_State *L, SrTask *t);
/* Closes a task by force: `__close` runs, but cannot wait. [-0, +0, -] */
void sr_kill(lua_State *L, SrTask *t);
/*
** Pushes what is to be kept of how a future (a task at its end) came out: the results are the values from `first` to
** the top of L, or the error is the value at `first`; the handle is at `index`. Returns the number of results. Nothing
** has changed yet, so raising does no harm; but finalizers have run. [-0, +1, m]
*/
uint32_t sr_push_outcome(lua_State *L, int index, int first, SrStatus status);
/* Keeps what that has pushed, in the handle at `index`. It is not settled yet. [-1, +0, -] */
void sr_keep_outcome(lua_State *L, SrFuture *future, int index, uint32_t count);
/* Settles it, and wakes who watches it. [-0, +0, -] */
void sr_settle(lua_State *L, SrFuture *future, SrStatus status);
/* Pushes the results of what is at `index` and has ended, and returns their number, or raises its error. [-0, +n, v] */
int sr_push_results(lua_State *L, SrFuture *future, int index, SrTask *caller);
/* Pushes the error of what is at `index` and has failed or was cancelled; somebody has looked at it now. [-0, +1, -] */
void sr_push_failure(lua_State *L, int index);
/* The first result of what is at `index`, or nil; returns its type. [-0, +1, -] */
int sr_push_first(lua_State *L, int index);

/* Awaits the task or future at index 1; `function` is its name in messages. To be returned. [-0, +n, v] */
int sr_await(lua_State *L, SrFuture *target, const char *function);
extern const SrKind sr_await_kind;
extern const SrSelectable sr_future_selectable;
/* Whether `target` ends only after `waiter` has. */
bool sr_waits_for(SrTask *target, SrTask *waiter);
/* The first task of the list at `list` of which that holds, or NULL. [-0, +0, -] */
SrTask *sr_find_waiting(lua_State *L, int list, SrTask *waiter);
/*
** The cycle that closes if `waiter` waits for `target`: `target`, what that waits for, and so on up to `waiter`, which
** is left out. Stores the first `room` of them; returns how many there are.
*/
size_t sr_trace_cycle(SrTask *target, SrTask *waiter, SrTask **path, size_t room);
/* Raises the DeadlockError of task `t` that is about to wait for `target`. [-0, +0, v] */
int sr_raise_cycle(lua_State *L, SrTask *t, SrTask *target);

/* What every coroutine of the pool runs: SR_UP_BODY. */
int sr_l_body(lua_State *L);
int sr_l_spawn(lua_State *L);
int sr_l_current_task(lua_State *L);
int sr_l_all_tasks(lua_State *L);
/* Pushes a list of handles in spawn order. [-0, +1, m] */
void sr_push_all_tasks(lua_State *L, SrRuntime *rt);
/* Fills the metatable of tasks. */
void sr_open_task(lua_State *L);

#endif
