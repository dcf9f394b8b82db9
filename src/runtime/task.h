/* SPDX-License-Identifier: MIT */
/*
** Tasks: how they begin and how they end. What is between is in step.h.
**
** Invariant: from spawn to end the table of live tasks holds the handle, and the handle
** is the task, so a C pointer to a task that has not ended is always good.
**
** The end has three parts: what the task leaves is kept, which may fail for want of memory; then it ends, which
** cannot; then its block hears of it, which may fail, and hears just that in this case.
*/
#ifndef SR_TASK_H
#define SR_TASK_H

#include "runtime/state.h"

/* --- spawn ------------------------------------------------------------------ */

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
/* The first one without a function and its arguments. [-0, +1, m] */
SrTask *sr_push_bare_task(lua_State *L, int nargs);
/* Its handle is on top. [-0, +0, m] */
void sr_start_task(lua_State *L, SrRuntime *rt, SrTask *t, SrScope *parent);
/* Makes a new task, whose handle is on top, one of the live ones: nothing can fail after that. [-0, +0, m] */
void sr_make_live(lua_State *L, SrRuntime *rt, SrTask *t);
/* Spawns a task that belongs to the run; `before`, or NULL, is the one that starts it. [-0, +1, m] */
SrTask *sr_spawn_free(lua_State *L, SrRuntime *rt, const SrTask *before, int first, int nargs);

enum { SR_MAX_ARGS = 250 };
/*
** The number of arguments after the function at `first`, up to the top. More than a task can take are packed
** into a function that has none and calls that one. [-0, +0, m]
*/
int sr_pack_args(lua_State *L, int first);

/* --- end -------------------------------------------------------------------- */

/* Ends a task: the handle is at index 1, the results, or the error, are the values from `first` on. [-0, +0, m] */
void sr_end_task(lua_State *L, SrTask *t, int first, bool ok);
/*
** The end of a task broke off, or has not begun: goes on with it. `end` takes the handle and the error,
** which is on top. [-1, +0, -]
*/
void sr_finish_task(lua_State *L, SrTask *t, lua_CFunction end);
/* Such an `end`: (handle, error). */
int sr_l_end_task(lua_State *L);

#endif
