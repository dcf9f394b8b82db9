/* SPDX-License-Identifier: MIT */
/*
** Error objects: tables {name, message, code, traceback, cause, ...} with one metatable.
*/
#ifndef SR_ERROR_H
#define SR_ERROR_H

#include "runtime/state.h"

/* Key of that metatable in the registry. */
extern const char sr_error_key;

/* Pushes an Error object; its traceback is that of the running coroutine. [-0, +1, m] */
void sr_push_error(lua_State *L, const char *name, const char *code, const char *format, ...);
/* Whether the value at `index` is an Error object. [-0, +0, -] */
bool sr_is_error(lua_State *L, int index);
/* Pushes the text of any error value; a __tostring that fails is no failure here. [-0, +1, m] */
void sr_push_text(lua_State *L, int index);
/* Pushes a GroupError over the list of `count` errors at `errors` (absolute). [-0, +1, m] */
void sr_push_group_error(lua_State *L, int errors, uint32_t count);
/* The same over one error, with which the block of a group was left. [-0, +1, m] */
void sr_push_block_error(lua_State *L, int errors);
/* Pushes the message of that, and gives the list `n` if one of the errors is nil. [-0, +1, m] */
void sr_push_group_message(lua_State *L, int errors, uint32_t count);

#endif
