/* SPDX-License-Identifier: MIT */
/*
** The loop of one run: handles on it, turns, polling, the end.
**
** Invariant: a drain takes a snapshot of the ready queue, then polls; tasks that wake
** themselves cannot starve I/O.
*/
#ifndef SR_LOOP_H
#define SR_LOOP_H

#include "runtime/state.h"

/* Opens the loop and the runtime's handles on it. [-0, +0, v] */
void sr_loop_open(lua_State *L, SrRuntime *rt);
/* Closes every resource and handle, and the loop unless it is the host's. Touches no Lua. */
void sr_loop_close(SrRuntime *rt);

/* One turn: runs every task that is ready now, then looks at timers and I/O; waits for them if no task is ready. */
void sr_loop_turn(lua_State *L, SrRuntime *rt);
/* A test has ended: lets I/O close what it is about to close by itself (a small body that nobody has read). No Lua. */
void sr_loop_linger(SrRuntime *rt);
/* One step for each task that is ready now. At the end of a run those that swallow all cancellation are closed. */
void sr_loop_drain(lua_State *L, SrRuntime *rt);
/* Cancels every task. */
void sr_loop_cancel_all(lua_State *L, SrRuntime *rt);
/* Cancels every task and runs until none is left; who does not end is closed by force. */
void sr_loop_wind_down(lua_State *L, SrRuntime *rt);
/* Closes every task by force. */
void sr_loop_kill_all(lua_State *L, SrRuntime *rt);

#endif
