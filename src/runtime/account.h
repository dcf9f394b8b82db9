/* SPDX-License-Identifier: MIT */
/* Error objects at length: where they came from, their causes, the errors of a group. Indices are absolute. */
#ifndef SR_ACCOUNT_H
#define SR_ACCOUNT_H

#include "runtime/state.h"

/* Pushes "NAME: message" of the Error object at `index`. [-0, +1, m] */
void sr_push_title(lua_State *L, int index);
/* Puts its causes, and the errors of a GroupError, below the text on top. [-1, +1, m] */
void sr_add_related_errors(lua_State *L, int index);
/* Pushes its title, its traceback and what is related. [-0, +1, m] */
void sr_push_account(lua_State *L, int index);

#endif
