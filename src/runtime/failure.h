/* SPDX-License-Identifier: MIT */
/*
** Failures that nobody looked at.
**
** The error of a failed task stands in a failure box, user value 1 of the handle. Only boxes
** have a finalizer, so tasks that succeed cost the collector nothing. A box that is collected,
** or is there at the end of the run, and was never opened is reported once.
*/
#ifndef SR_FAILURE_H
#define SR_FAILURE_H

#include "runtime/state.h"

/* Replaces an error and its origin (or nil), which are on top, by a box for the task at `index`. [-2, +1, m] */
void sr_push_failure_box(lua_State *L, int index);
/* Replaces the box on top, if it is one, by its error; somebody has looked at it now. [-1, +1, -] */
void sr_open_failure_box(lua_State *L);
/* Pushes the task in which the error of the failed task at `index` arose. [-0, +1, -] */
void sr_push_failure_source(lua_State *L, int index);
/* Pushes its traceback, or nil. [-0, +1, -] */
void sr_push_failure_trace(lua_State *L, int index);
/* Reports every failure of this run that nobody looked at. [-0, +0, -] */
void sr_report_failures(lua_State *L, SrRuntime *rt);
/*
** Hands the error at `error`, of the task at `task`, to the reporter; `trace` may be nil. `what` the task did is
** said between its name and the error, a literal: " failed", or "". [-0, +0, -]
*/
void sr_report(lua_State *L, int error, int task, int trace, const char *what);

/* report(task): if it has failed, and nobody has looked, that is reported now and not when it is collected. */
int sr_l_report(lua_State *L);
/* on_error(fn) */
int sr_l_on_error(lua_State *L);
void sr_open_failure(lua_State *L);

#endif
