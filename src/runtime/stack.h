/* SPDX-License-Identifier: MIT */
/*
** Stacks as text, without frames of saros: its Lua files, its C functions, and C functions without a name that those
** called.
*/
#ifndef SR_STACK_H
#define SR_STACK_H

#include "runtime/state.h"

/* Pushes the stack of coroutine `co` from `level` on. [-0, +1, m] */
void sr_push_stack(lua_State *L, lua_State *co, int level);
/* Pushes "[task 'name' spawned at place]" of the task at `index`, which may have ended. [-0, +1, m] */
void sr_push_label(lua_State *L, int index);
/* Pushes the stack of a task that has not ended from `level` on, and its label. [-0, +1, m] */
void sr_push_stack_of(lua_State *L, SrTask *t, int level);
/* Pushes the trace of a new error: the stack of L, and its label if it is the running task's. [-0, +1, m] */
void sr_push_here(lua_State *L);
/* Pushes "file:line" where a task is now. [-0, +1, m] */
void sr_push_where(lua_State *L, SrTask *t);
/* Pushes ", in a coroutine resumed at file:line" for each coroutine that it is in, from the inside out. [-0, +1, m] */
void sr_push_resumers(lua_State *L, SrTask *t);

#endif
