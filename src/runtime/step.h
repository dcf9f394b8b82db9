/* SPDX-License-Identifier: MIT */
/*
** The life of a task between its beginning and its end: its coroutine, taken from the pool at its first step, and its
** steps. This file holds the only lua_resume.
*/
#ifndef SR_STEP_H
#define SR_STEP_H

#include "runtime/state.h"

/* What every coroutine of the pool runs: SR_UP_BODY. */
int sr_l_body(lua_State *L);
/* Runs one step of a task. */
void sr_step(lua_State *L, SrTask *t);
/*
** Resumes a coroutine of async.coroutine on top of its resumer, where that cannot be suspended: nothing in it can wait.
** As lua_resume.
*/
int sr_resume_nested(lua_State *co, lua_State *L, int nargs, int *nresults);

#endif
