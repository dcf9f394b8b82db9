/* SPDX-License-Identifier: MIT */
/*
** Tasks. A task is a future with a coroutine, taken from a pool at its first step.
**
** Invariant: from spawn to end the table of live tasks holds the handle, and the handle
** is the task, so a C pointer to a task that has not ended is always good.
*/
#ifndef SR_TASK_H
#define SR_TASK_H

#include "runtime/handle.h"
#include "runtime/wait.h"

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

/* Spawns the functions given to on_done. [-0, +0, -] */
void sr_call_back(lua_State *L, SrTask *t);

/* Runs one step of a task. */
void sr_step(lua_State *L, SrTask *t);
/* Closes a task by force: `__close` runs, but cannot wait. [-0, +0, -] */
void sr_kill(lua_State *L, SrTask *t);
/*
** Pushes what is to be kept of how a future (a task at its end) came out: the results are the values from `first` to
** the top of L, or the error is the value at `first`; the handle is at `index`. Returns the number of results. Nothing
** has changed yet, so raising does no harm; but finalizers have run. [-0, +1, m]
*/
uint32_t sr_push_outcome(lua_State *L, const SrFuture *future, int index, int first, SrStatus status);
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
/* Fills the metatable of tasks. */
void sr_open_task(lua_State *L);

#endif
