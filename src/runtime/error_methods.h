/* SPDX-License-Identifier: MIT */
/* Errors as Lua sees them. */
#ifndef SR_ERROR_METHODS_H
#define SR_ERROR_METHODS_H

#include "runtime/state.h"

/* is_error(value [, name]), error(fields), pcall(f, ...), catch(name, f, ...) */
int sr_l_is_error(lua_State *L);
int sr_l_error(lua_State *L);
int sr_l_pcall(lua_State *L);
int sr_l_catch(lua_State *L);
/* group_message(errors): that of a GroupError over this list, whose `n` goes unless one of them is nil */
int sr_l_group_message(lua_State *L);
/* account(error): all there is to say of an Error object */
int sr_l_account(lua_State *L);

/* The value on top leaves a run: if it is an Error object its text shows from now on where it came from. [-0, +0, m] */
void sr_mark_left(lua_State *L);

/* Registers the metatable of Error objects. */
void sr_open_error(lua_State *L);

#endif
