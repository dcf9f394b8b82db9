/* SPDX-License-Identifier: MIT */
/* Tasks as Lua sees them: spawn, current_task, all_tasks and the methods of a Task. */
#ifndef SR_TASK_METHODS_H
#define SR_TASK_METHODS_H

#include "runtime/state.h"

int sr_l_spawn(lua_State *L);
int sr_l_current_task(lua_State *L);
int sr_l_all_tasks(lua_State *L);
/* Fills the metatable of tasks. */
void sr_open_task(lua_State *L);

#endif
