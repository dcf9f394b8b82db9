/* SPDX-License-Identifier: MIT */
/*
** Error objects: tables {name, message, code, traceback, cause, ...} with one metatable.
*/
#ifndef SR_ERROR_H
#define SR_ERROR_H

#include "runtime/task.h"

/* Pushes an Error object; its traceback is that of the running coroutine. [-0, +1, m] */
void sr_push_error(lua_State *L, const char *name, const char *code, const char *format, ...);
/* Pushes the CancelledError of the scope that cancels this task now. [-0, +1, m] */
void sr_push_cancelled(lua_State *L, SrTask *t);
/* The same, raised by another scope than that which the next await would name. [-0, +1, m] */
void sr_push_cancelled_by(lua_State *L, SrTask *t, const SrScope *cause);
/* Pushes a GroupError over the list of `count` errors at `errors` (absolute). [-0, +1, m] */
void sr_push_group_error(lua_State *L, int errors, uint32_t count);
/* Pushes the text of any error value; a __tostring that fails is no failure here. [-0, +1, m] */
void sr_push_text(lua_State *L, int index);
/* Whether the value at `index` is an Error object. [-0, +0, -] */
bool sr_is_error(lua_State *L, int index);
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

/* The value on top leaves a run: if it is an Error object its text shows from now on where it came from. [-0, +0, m] */
void sr_mark_left(lua_State *L);

/* is_error(value [, name]), error(fields), pcall(f, ...), catch(name, f, ...); group_message(errors) */
int sr_l_is_error(lua_State *L);
int sr_l_error(lua_State *L);
int sr_l_pcall(lua_State *L);
int sr_l_catch(lua_State *L);
int sr_l_group_message(lua_State *L);
/* Registers the metatable. */
void sr_open_error(lua_State *L);

/* The function behind saros.h. */
void sr_api_push_error(lua_State *L, const char *name, const char *code, const char *format, ...);

#endif
