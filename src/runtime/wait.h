/* SPDX-License-Identifier: MIT */
/*
** What an await raises, and the simplest await: sleep.
**
** Invariant: what a task is told at the end of a wait is what ended it first. A cancellation stays until the task has
** left the scope that is cancelled; Ctrl-C and a deadlock are told once.
*/
#ifndef SR_WAIT_H
#define SR_WAIT_H

#include "runtime/park.h"

/* Lets the others have a turn, then raises what sr_is_cancelled saw. To be returned. [-0, +0, v] */
int sr_raise(lua_State *L, SrTask *t);
/* Raises what sr_is_cancelled saw, at once. [-0, +0, v] */
int sr_throw_pending(lua_State *L, SrTask *t);
/* Pushes what sr_throw raises. [-0, +1, m] */
void sr_push_thrown(lua_State *L, SrTask *t);
/* In a continuation: raises why the wait was aborted. [-0, +0, v] */
int sr_throw(lua_State *L, SrTask *t);
/* Raises the CancelledError of that scope, which need not be what the next await would name. [-0, +0, v] */
int sr_throw_cancelled(lua_State *L, SrTask *t, const SrScope *cause);
/*
** The CancelledError of a block that was just left has come out of it. If a scope around is cancelled by now,
** that counts, and is raised instead. [-0, +0, v]
*/
void sr_throw_outer(lua_State *L, SrTask *t);

/* The continuation of a wait that gives nothing, for sr_park. [-0, +0, v] */
int sr_k_nothing(lua_State *L, int status, lua_KContext ctx);
/* The same of one whose result its waker has left on top of the stack. [-0, +1, v] */
int sr_k_value(lua_State *L, int status, lua_KContext ctx);

/* sleep(seconds) [-1, +0, v] */
int sr_l_sleep(lua_State *L);
/* Wakes the task whose sleep this is: for SrClock.on_slept. */
void sr_on_slept(SrTimer *timer);

#endif
