/* SPDX-License-Identifier: MIT */
/*
** Task locals: a table of values that belongs to a task and is handed to the tasks it starts. The table is never
** changed, only replaced, so they share it; a task without one costs a look at a flag. What stands in it is the affair
** of lua/saros/task_local.lua.
*/
#ifndef SR_LOCALS_H
#define SR_LOCALS_H

#include "runtime/state.h"

/* Hands the values of `from` to a task that is about to start. [-0, +0, m] */
void sr_locals_inherit(lua_State *L, SrTask *t, SrTask *from);
/* A task that has values ends. [-0, +0, -] */
void sr_locals_drop(lua_State *L, SrTask *t);
/* Replaces the function at `index`, which another task will call, by one that has the values of now. [-0, +0, m] */
void sr_locals_bind(lua_State *L, SrRuntime *rt, int index);

/* locals(): the table of the calling task, or nil; set_locals(table or nil) */
int sr_l_locals(lua_State *L);
int sr_l_set_locals(lua_State *L);

#endif
