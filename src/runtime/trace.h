/* SPDX-License-Identifier: MIT */
/*
** Where things are: places of creation, stacks of tasks, the chain of who awaited whom,
** the tree of tasks, the deadlock report.
*/
#ifndef SR_TRACE_H
#define SR_TRACE_H

#include "runtime/task.h"

/* home(prefix): sources that begin with it are saros' own, and no place is in them. */
int sr_l_home(lua_State *L);
/* Pushes "file:line: " of the user's code that called, "" if there is none. [-0, +1, m] */
void sr_push_position(lua_State *L);
/* Records the place of the Lua code that called the running C function. [-0, +0, -] */
void sr_place(lua_State *L, SrRuntime *rt, SrScope *scope);
/* Pushes "file:line" of a recorded place. [-0, +1, m] */
void sr_push_place(lua_State *L, const SrScope *scope);
/* The task at `index` ends, and its place may be forgotten as one of many: keeps its text. [-0, +0, m] */
void sr_keep_place(lua_State *L, int index);
/* A resource is placed as a scope is. */
void sr_place_resource(lua_State *L, saros_resource *resource);
void sr_push_resource_place(lua_State *L, const saros_resource *resource);

/* Pushes the stack of coroutine `co` from `level` on, without frames of saros. [-0, +1, m] */
void sr_push_stack(lua_State *L, lua_State *co, int level);
/* Pushes the stack of L; if that is the running task's, with where it was spawned: the trace of a new error. [-0, +1, m] */
void sr_push_here(lua_State *L);
/* Pushes "file:line" where a task is now. [-0, +1, m] */
void sr_push_where(lua_State *L, SrTask *t);
/* Pushes the traceback of the task at `index`: of its failure, or of where it is now. [-0, +1, m] */
void sr_push_task_trace(lua_State *L, int index);

/* Pushes the text of a trace, as a failure keeps it; what is no trace is pushed as it is. [-0, +1, m] */
void sr_push_trace_text(lua_State *L, int index);
/*
** entry(fn): a C function that calls fn. What is written in Lua is given to users this way, for a tail call to a C
** function leaves the frame of the caller, who is to be named, where one to a Lua function does not.
*/
int sr_l_entry_of(lua_State *L);
int sr_l_entry(lua_State *L);
/* given(): how many arguments the function had that was called last in this way: what tells nil from no value. */
int sr_l_given(lua_State *L);
/* misuse(message): raises it with the position of the user's code in front. */
int sr_l_misuse(lua_State *L);

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
