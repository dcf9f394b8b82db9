/* SPDX-License-Identifier: MIT */
/*
** Children that begin later. A block that starts many functions does not make a task of each at once: those that have
** not begun stand in the ready queue as one, a starter. At its turn a child becomes a task, mostly by taking over the
** record, handle and coroutine of one that has just ended.
**
** Invariant: nobody can tell. Children get their ids when they are started, stand in the queue in that order, count as
** ready and as tasks of their block, and take their places in it in that order too: those that were started before a
** child begin before it. Whoever asks for the tasks has all of them made. A record is taken over only if its handle was
** given to nobody and nothing refers to it. A block that is closed by force, which does not wait for its tasks, takes
** those that have not begun out of the queue: they never begin.
*/
#ifndef SR_STARTER_H
#define SR_STARTER_H

#include "runtime/state.h"

/*
** Starts `count` more children of the block, from number `index` on. False, and nothing has happened: others were
** started since the last ones of this starter, so those have to begin before. Needs no memory.
*/
bool sr_start_later(SrRuntime *rt, SrStarter *starter, SrBlock *block, uint32_t index, uint32_t count);
/* Makes tasks of those that have not begun. [-0, +0, m] */
void sr_begin_rest(lua_State *L, SrRuntime *rt, SrStarter *starter);
/* Makes tasks of all that have not begun, of all starters. [-0, +0, m] */
void sr_begin_all(lua_State *L, SrRuntime *rt);
/* They never begin. */
void sr_unstart(SrRuntime *rt, SrStarter *starter);

/* Makes a spare task, if there is none. Finalizers run. [-0, +0, m] */
void sr_need_spare(lua_State *L, SrRuntime *rt);
/* The same; false: no memory. [-0, +0, -] */
bool sr_make_spare(lua_State *L, SrRuntime *rt);
/* The first child of a starter begins, as a spare task, and is to have its step. */
SrTask *sr_begin_child(SrRuntime *rt, SrStarter *starter);
/* There is no memory for it. */
void sr_lose_child(SrRuntime *rt, SrStarter *starter);
/* Pushes the function of a child that has begun in this way, and its arguments; returns how many those are. [-0, +n, -] */
int sr_push_child_call(lua_State *L, const SrTask *t);

/* Ends a child that nobody knows of: without a trace, as far as its block is concerned. */
void sr_vacate(SrTask *t);
/* Keeps such a child as a spare, or lets go of it if there are enough. [-0, +0, -] */
void sr_put_aside(lua_State *L, SrRuntime *rt, SrTask *t);
/* Lets go of the spares at the end of a run. [-0, +0, -] */
void sr_drop_spares(lua_State *L, SrRuntime *rt);

#endif
