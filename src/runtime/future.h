/* SPDX-License-Identifier: MIT */
/*
** What can be awaited: results kept, watchers woken, await. A task is a future with a coroutine.
**
** Invariant: an outcome is kept before it is settled, and what may fail for want of memory is over by then.
*/
#ifndef SR_FUTURE_H
#define SR_FUTURE_H

#include "runtime/selectable.h"

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
extern const SrSelectable sr_future_selectable;

#endif
