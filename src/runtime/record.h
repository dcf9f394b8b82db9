/* SPDX-License-Identifier: MIT */
/*
** A record of the steps of tasks, for pictures of a run. While nobody asks for it, it costs nothing: it stands behind
** the comparison that debug mode makes for each step anyhow.
*/
#ifndef SR_RECORD_H
#define SR_RECORD_H

#include "runtime/state.h"

/* A step of `t` begins. */
void sr_record_start(SrTask *t);
/* The step of the task at `index` is over: tells who records. [-0, +0, -] */
void sr_record_step(lua_State *L, int index);

/*
** record(fn): until the end of the run fn(task, id, owner, began, ended, waits_for, where) is called after each step.
** `owner` is the id of the task in which the task is, as in the tree; 0: it is in none. Times are those of `now`; the
** last two are nil if the task has ended, or is only waiting for its turn. record(nil) ends that.
*/
int sr_l_record(lua_State *L);
/* spawned_at(task): the place, "file:line" */
int sr_l_spawned_at(lua_State *L);

#endif
