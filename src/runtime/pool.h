/* SPDX-License-Identifier: MIT */
/*
** The pool of coroutines that wait for a task.
**
** Invariant: a coroutine in the pool has an empty stack, so that to others it is a dead one. One that
** was taken is held by whoever took it: the pool knows nothing of it any more.
*/
#ifndef SR_POOL_H
#define SR_POOL_H

#include "runtime/runtime.h"

/* Pushes a coroutine with an empty stack; false, and nothing is pushed, if there is no memory. [-0, +(0|1), -] */
bool sr_coroutine_take(lua_State *L, SrRuntime *rt);
/* The coroutine on top goes back, or to the collector if there are enough. [-1, +0, -] */
void sr_coroutine_give(lua_State *L, SrRuntime *rt);

#endif
