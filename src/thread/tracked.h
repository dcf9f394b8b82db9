/* SPDX-License-Identifier: MIT */
/*
** Knowing which coroutine runs: what interrupts the Lua code of a state has to reach that one. So a worker's
** coroutine.resume and coroutine.wrap tell.
*/
#ifndef SR_THREAD_TRACKED_H
#define SR_THREAD_TRACKED_H

#include <lua.h>

/* Puts them in place; `*running` is the coroutine that runs from then on, NULL outside of one. [-0, +0, m] */
void sr_thread_track(lua_State *L, lua_State **running);

#endif
