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
/* Closes a task by force: `__close` runs, but cannot wait. [-0, +0, -] */
void sr_kill(lua_State *L, SrTask *t);

#endif
