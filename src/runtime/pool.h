/* SPDX-License-Identifier: MIT */
/*
** The pool of coroutines that wait for a task.
**
** Invariant: a coroutine in the pool has an empty stack, so that to others it is a dead one. One that
** was taken is held by whoever took it: the pool knows nothing of it any more.
*/
#ifndef SR_POOL_H
#define SR_POOL_H

#include "runtime/state.h"

/* Makes a new table for them, an empty one. [-0, +0, m] */
void sr_pool_renew(lua_State *L);
/* Pushes a coroutine with an empty stack; false, and nothing is pushed, if there is no memory. [-0, +(0|1), -] */
bool sr_coroutine_take(lua_State *L, SrRuntime *rt);
/*
** Gives `co` the hook of `base`, in which the run was called: no more than a coroutine has from the one that makes it,
** and no less: also a function given to debug.sethook, which Lua keeps by coroutine. False: no memory. [-0, +0, -]
*/
bool sr_coroutine_hook(lua_State *L, lua_State *co, lua_State *base);
/* Whether there is anything for that to do. */
static inline bool sr_coroutine_is_hooked(lua_State *co, lua_State *base) {
  return lua_gethook(co) != NULL || lua_gethook(base) != NULL;
}
/* The coroutine on top goes back, or to the collector if there are enough. [-1, +0, -] */
void sr_coroutine_give(lua_State *L, SrRuntime *rt);
/* The loop is about to wait: some that nobody has needed for a while go to the collector. [-0, +0, -] */
void sr_coroutine_trim(lua_State *L, SrRuntime *rt);

#endif
