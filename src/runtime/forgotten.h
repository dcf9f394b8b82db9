/* SPDX-License-Identifier: MIT */
/*
** Blocks made without <close> that are still open when what is around them is left.
**
** Invariant: who leaves a scope has joined what was started in it, also where a group was forgotten.
*/
#ifndef SR_FORGOTTEN_H
#define SR_FORGOTTEN_H

#include "runtime/state.h"

/*
** `outer`, a block of `t` or the task itself, is about to be left. A forgotten block inside whose tasks have not ended,
** or NULL: then all of them have. The tasks are cancelled. NULL also where nobody can wait: they go on by
** themselves. [-0, +0, -]
*/
SrBlock *sr_forgotten_block(lua_State *L, SrTask *t, const SrScope *outer);
/*
** Waits for the tasks of that block, whatever comes, then goes on in `k`, which calls sr_forgotten_joined and asks for
** more. To be returned. [-0, +0, -]
*/
int sr_forgotten_join(lua_State *L, SrTask *t, SrBlock *block, lua_KFunction k, lua_KContext ctx);
/* A cancellation or Ctrl-C that came meanwhile is left to the next await. [-0, +0, v] */
void sr_forgotten_joined(lua_State *L, SrTask *t);
/*
** `outer` is about to be left with the error at `index`. If that is the cancellation of a forgotten block, it says so
** from now on, with the place; where a scope from `outer` on is cancelled that one counts. [-0, +0, -]
*/
void sr_forgotten_blame(lua_State *L, const SrTask *t, const SrScope *outer, int index);

#endif
