/* SPDX-License-Identifier: MIT */
/*
** The pool of coroutines, in which tasks run.
**
** Invariant: a table holds each coroutine of the pool in a place of its own, whether it waits for a task or has one. Those
** that wait have an empty stack, so that to others they are dead ones. Beyond so many tasks at once there are coroutines
** without a place, which are held by whoever took them.
*/
#ifndef SR_POOL_H
#define SR_POOL_H

#include "runtime/state.h"

/* Makes a new table for them, an empty one. [-0, +0, m] */
void sr_pool_renew(lua_State *L);
/* The table is about to be renewed: forgets all. */
void sr_pool_free(SrRuntime *rt);
/*
** Gives a coroutine with an empty stack, and its place; one without, whose place is 0, is pushed. NULL: there is no
** memory. [-0, +(0|1), -]
*/
lua_State *sr_coroutine_take(lua_State *L, SrRuntime *rt, uint16_t *place);
/*
** Gives `co` the hook of `base`, in which the run was called: no more than a coroutine has from the one that makes it,
** and no less: also a function given to debug.sethook, which Lua keeps by coroutine. False: no memory. [-0, +0, -]
*/
bool sr_coroutine_hook(lua_State *L, lua_State *co, lua_State *base);
/* Whether there is anything for that to do. */
static inline bool sr_coroutine_is_hooked(lua_State *co, lua_State *base) {
  return lua_gethook(co) != NULL || lua_gethook(base) != NULL;
}
/* The coroutine in that place waits for the next task. */
static inline void sr_coroutine_give(SrRuntime *rt, lua_State *co, unsigned place) {
  rt->pool.idle[rt->pool.count++] = (SrIdle){co, place};
}
/* The coroutine in that place goes to the collector. [-0, +0, -] */
void sr_coroutine_drop(lua_State *L, SrRuntime *rt, unsigned place);
/* The loop is about to wait: some that nobody has needed for a while go to the collector. [-0, +0, -] */
void sr_coroutine_trim(lua_State *L, SrRuntime *rt);

#endif
