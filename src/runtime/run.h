/* SPDX-License-Identifier: MIT */
/* How a run begins and ends, whoever works it in between. */
#ifndef SR_RUN_H
#define SR_RUN_H

#include "runtime/state.h"

/* Opens the loop; there is a run from now on, without a task. [-0, +0, v] */
void sr_run_begin(lua_State *L, SrRuntime *rt, bool is_testing);
/* No task is left. Raises nothing. [-0, +0, -] */
void sr_run_end(lua_State *L, SrRuntime *rt);
/* Puts a new table into the registry, weak if `mode` says so. [-0, +0, m] */
void sr_run_new_table(lua_State *L, const void *key, const char *mode);

#endif
