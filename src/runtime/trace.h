/* SPDX-License-Identifier: MIT */
/*
** Where things are: places of creation, stacks of tasks, the chain of who awaited whom,
** the tree of tasks, the deadlock report.
*/
#ifndef SR_TRACE_H
#define SR_TRACE_H

#include "runtime/chain.h"
#include "runtime/entry.h"
#include "runtime/place.h"
#include "runtime/stack.h"
#include "runtime/task.h"

/* Pushes the traceback of the task at `index`: of its failure, or of where it is now. [-0, +1, m] */
void sr_push_task_trace(lua_State *L, int index);

/*
** The chain across tasks. The error on top of L, raised now in task `t`, arose in the task at
** `index`, whose trace the handler is to put below its own. [-0, +0, m]
*/
void sr_note_origin(lua_State *L, SrTask *t, int index);
/* Pushes the task from which the error on top came to task `t`, or nil. [-0, +1, -] */
void sr_push_source(lua_State *L, SrTask *t);
/* Pushes trace and source of the error on top in task `t` (or two nils), and forgets them. [-0, +2, -] */
void sr_take_origin(lua_State *L, SrTask *t);
/* The message handler of task bodies: SR_UP_HANDLER. */
int sr_l_handler(lua_State *L);

/* Pushes a line about a task: "name: waiting for sleep at a.lua:3 (spawned at a.lua:9)". [-0, +1, m] */
void sr_push_task_line(lua_State *L, SrTask *t);
/* tree() */
int sr_l_tree(lua_State *L);
/* Pushes {name, where, waits_for} of a task. [-0, +1, m] */
void sr_push_waiting(lua_State *L, SrTask *t, const char *what);
/* Pushes a DeadlockError about every task that waits. [-0, +1, m] */
void sr_push_deadlock(lua_State *L, SrRuntime *rt);
/* Pushes a TimeoutError about every task that waits in a test that takes too long. [-0, +1, m] */
void sr_push_overtime(lua_State *L, SrRuntime *rt);

/* Pushes a text that names every task, handle and timer of a test that is over, or nil. [-0, +1, m] */
void sr_push_leftovers(lua_State *L, SrRuntime *rt);

#endif
