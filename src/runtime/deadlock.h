/* SPDX-License-Identifier: MIT */
/* What becomes of a run in which nothing can happen any more: main is told, and what cannot end by itself is ended. */
#ifndef SR_DEADLOCK_H
#define SR_DEADLOCK_H

#include "runtime/state.h"

/*
** Nothing is ready, and nothing is waited for that could come. Main is told once for each wait; what it joins after that
** is closed by force. [-0, +0, -]
*/
void sr_deadlock(lua_State *L, SrRuntime *rt);
/* A test has taken so long that main is to be told at its await, be it only for a turn; if it has. [-0, +0, -] */
void sr_deadlock_check_limit(lua_State *L, SrRuntime *rt);
/*
** Closes all tasks but one, or NULL, by force. Allocates nothing. Those that are spawned while others clean up are closed
** in another pass. [-0, +0, -]
*/
void sr_kill_all_but(lua_State *L, SrRuntime *rt, const SrTask *spared);

#endif
