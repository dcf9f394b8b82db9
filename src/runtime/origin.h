/* SPDX-License-Identifier: MIT */
/*
** Where the error of a task arose: a record, made while the error is under way, and kept with the failure.
**
** Invariant: the record of an error that is under way belongs to its task alone, which finds it by the error: one that
** passes a wait_for keeps its first trace.
*/
#ifndef SR_ORIGIN_H
#define SR_ORIGIN_H

#include "runtime/state.h"

/* The record, as a list. */
typedef enum SrOrigin {
  SR_ORIGIN_ERROR = 1,
  SR_ORIGIN_TRACE,   /* as sr_push_trace_text takes it */
  SR_ORIGIN_SOURCE,  /* the task in which it arose, if that is another one */
  SR_ORIGIN_IS_FRESH /* it has just come from another task: the trace lacks this one */
} SrOrigin;

/* Replaces trace and source, which are on top, by the record of the error at `error`. [-2, +1, m] */
void sr_push_origin(lua_State *L, int error, bool is_fresh);
/* Pushes a field of the record at `record`, nil if nil is there. Returns its type. [-0, +1, -] */
int sr_get_origin(lua_State *L, int record, SrOrigin field);
/* Sets a field of it to the value on top. [-1, +0, -] */
void sr_set_origin(lua_State *L, int record, SrOrigin field);

/* The record on top is that of the error that is under way in task `t`. [-1, +0, m] */
void sr_keep_origin(lua_State *L, SrTask *t);
/* Pushes that of task `t` if it is of the error at `error`; else nothing, and returns false. [-0, +(0|1), -] */
bool sr_find_origin(lua_State *L, SrTask *t, int error);
/* Pushes that of the error on top in task `t`, or nil, and forgets it. [-0, +1, -] */
void sr_take_origin(lua_State *L, SrTask *t);

#endif
