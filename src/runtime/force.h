/* SPDX-License-Identifier: MIT */
/* The end of a task by force: its coroutine is closed, and what stands to be closed in it cannot wait. */
#ifndef SR_FORCE_H
#define SR_FORCE_H

#include "runtime/state.h"

/* Ends a task whose coroutine was closed from outside: (handle, whatever). */
int sr_l_end_closed(lua_State *L);
/* Closes a coroutine that does not run: `__close` cannot wait. Returns a status; the error, if any, is on top of it. */
int sr_close_thread(lua_State *co, lua_State *from);
/* Closes a task by force: `__close` runs, but cannot wait. [-0, +0, -] */
void sr_kill(lua_State *L, SrTask *t);
/* Ends all tasks that are lost. Those for which there is no memory stay so until the next time. [-0, +0, -] */
void sr_end_lost(lua_State *L, SrRuntime *rt);

#endif
