/* SPDX-License-Identifier: MIT */
/*
** Functions of saros that are written in Lua, as users call them.
**
** A tail call to a C function leaves the frame of the caller, who is to be named, where one to a Lua function does not.
** So what is written in Lua is given to users as a C function that calls it.
*/
#ifndef SR_ENTRY_H
#define SR_ENTRY_H

#include "runtime/state.h"

/* entry(fn): a C function that calls fn. */
int sr_l_entry_of(lua_State *L);
/* That C function: its frames are saros' own. */
int sr_l_entry(lua_State *L);
/* given(): how many arguments the function had that was called last in this way: what tells nil from no value. */
int sr_l_given(lua_State *L);
/* misuse(message): raises it with the position of the user's code in front. */
int sr_l_misuse(lua_State *L);

#endif
