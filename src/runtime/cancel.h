/* SPDX-License-Identifier: MIT */
/*
** CancelledErrors: made for the scope that cancels, and told from others.
**
** Invariant: a CancelledError carries the serial of the block that was its cause, 0 for a task or the run, so a block
** knows its own from all others.
*/
#ifndef SR_CANCEL_H
#define SR_CANCEL_H

#include "runtime/state.h"

/* Pushes the CancelledError of task `t` by that scope, or by NULL if a finalizer has closed it since. [-0, +1, m] */
void sr_push_cancelled(lua_State *L, SrTask *t, const SrScope *cause);
/*
** Whether the value at `index` is a CancelledError that was raised in task `t` by a scope around
** it; then *serial is that of the block that was the cause, 0 for the task itself or the run. [-0, +0, -]
*/
bool sr_is_own_cancel(lua_State *L, int index, const SrTask *t, uint64_t *serial);
/* The same, by just that scope. [-0, +0, -] */
bool sr_is_cancel_by(lua_State *L, int index, const SrTask *t, const SrScope *cause);
/* Makes the CancelledError at `index` that of another scope. [-0, +0, -] */
void sr_set_cancel_cause(lua_State *L, int index, const SrScope *cause);
/* The serial of the block that is this scope, 0 for a task or the run. */
uint64_t sr_scope_serial(const SrScope *scope);

#endif
