/* SPDX-License-Identifier: MIT */
/* The errors of tasks: where each arose, and who awaited whom on its way. */
#ifndef SR_TRACE_H
#define SR_TRACE_H

#include "runtime/state.h"

/* Pushes the traceback of the task at `index`: of its failure, or of where it is now. [-0, +1, m] */
void sr_push_task_trace(lua_State *L, int index);

/*
** The chain across tasks. The error on top of L, raised now in task `t`, arose in the task at
** `index`, whose trace the handler is to put below its own. [-0, +0, m]
*/
void sr_note_origin(lua_State *L, SrTask *t, int index);
/*
** The same for one that arose outside of all tasks, with the trace on top of it, or nil; an Error object has its own.
** [-1, +0, m]
*/
void sr_note_foreign(lua_State *L, SrTask *t);
/* Pushes the task from which the error on top came to task `t`, or nil. [-0, +1, -] */
void sr_push_source(lua_State *L, SrTask *t);
/* The message handler of task bodies: SR_UP_HANDLER. */
int sr_l_handler(lua_State *L);

#endif
