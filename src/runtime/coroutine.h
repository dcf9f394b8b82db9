/* SPDX-License-Identifier: MIT */
/*
** Coroutines that may wait: those of async.coroutine.
**
** A task that resumes one leaves its own coroutine and goes on in that one, as one step: sr_step resumes it in the place
** of the other, so chains of any depth need no C stack, and an await inside is an ordinary one: it parks the task in the
** innermost coroutine, and there the task goes on. SrTask.co is the coroutine that the task is in, SrTask.inner the
** chain that leads to it.
**
** Invariant: each coroutine of the chain of a task is suspended in the `resume` that led to the next one; that frame
** holds the next one, and the next one holds this, as somebody may close this one from outside, which empties its frames.
** No coroutine yields inside a block of its own, so the blocks of a task stay a stack.
**
** Where the resumer cannot be suspended (no run, a C function in between) a coroutine is resumed as the plain library
** does it, on top of it, and cannot wait.
*/
#ifndef SR_COROUTINE_H
#define SR_COROUTINE_H

#include "runtime/state.h"

/* Pushes a new one, which will call the function at index 1. [-0, +1, m] */
void sr_coroutine_push(lua_State *L);

typedef enum SrCoroutineStatus { SR_CO_RUNNING, SR_CO_SUSPENDED, SR_CO_NORMAL, SR_CO_DEAD } SrCoroutineStatus;

/* Of any coroutine, as L sees it; `c` is what sr_find_coroutine gives of it, or NULL. [-0, +0, -] */
SrCoroutineStatus sr_coroutine_status(lua_State *L, lua_State *co, const SrCoroutine *c);
/* Whether it belongs to another task than the one that runs; `c` may be NULL. [-0, +0, -] */
bool sr_coroutine_is_of_other(lua_State *L, const SrCoroutine *c);
/* Pushes that one cannot "resume" it, or whatever the verb is, for that reason. [-0, +1, m] */
void sr_coroutine_push_belonging(lua_State *L, const SrCoroutine *c, const char *verb);
/* It belongs to this task from now on. */
void sr_coroutine_set_owner(SrCoroutine *c, const SrTask *t);

/* Keeps the error on top with the coroutine. [-0, +0, -] */
void sr_coroutine_keep_error(lua_State *L, lua_State *co);
/* Pushes it. [-0, +1, -] */
void sr_coroutine_push_error(lua_State *L, lua_State *co);

/* The frame of who goes into one: the coroutine, which this holds, and what it is handed. */
enum { SR_COROUTINE_CO = 1 };
/*
** Puts the task, whose code runs on L, into a coroutine that has room for what stands above SR_COROUTINE_CO. What the
** task brings back stands there in `k`, whose context is `c`. To be returned. [-n, +0, v]
*/
int sr_coroutine_enter(lua_State *L, SrTask *t, SrCoroutine *c, lua_KFunction k);
/* yield(...) */
int sr_l_coroutine_yield(lua_State *L);

#endif
