/* SPDX-License-Identifier: MIT */
/*
** The loop of one run: handles on it, turns, polling, the end.
**
** Invariant: a drain takes a snapshot of the ready queue, then polls; tasks that wake
** themselves cannot starve I/O.
*/
#ifndef SR_LOOP_H
#define SR_LOOP_H

#include "runtime/runtime.h"

/* Opens the loop and the runtime's handles on it. [-0, +0, v] */
void sr_loop_open(lua_State *L, SrRuntime *rt);
/* Closes every resource and handle, and the loop unless it is the host's. Touches no Lua. */
void sr_loop_close(SrRuntime *rt);

/* One turn: runs every task that is ready now, then looks at timers and I/O; waits for them if no task is ready. */
void sr_loop_turn(lua_State *L, SrRuntime *rt);
/* A test has ended: lets I/O close what it is about to close by itself (a small body that nobody has read). No Lua. */
void sr_loop_linger(SrRuntime *rt);
/* Cancels every task and runs until none is left; who does not end is closed by force. */
void sr_loop_wind_down(lua_State *L, SrRuntime *rt);
/* Closes every task by force. */
void sr_loop_kill_all(lua_State *L, SrRuntime *rt);

/* schedule(fn): tests choose the order in which ready tasks run. */
int sr_l_schedule(lua_State *L);

/* The functions behind saros.h. */
uv_loop_t *sr_api_loop(saros_runtime *rt);
double sr_api_now(saros_runtime *rt);
int sr_api_timer_start(saros_runtime *rt, saros_timer *timer, double seconds);
void sr_api_timer_stop(saros_runtime *rt, saros_timer *timer);
void sr_api_close(uv_handle_t *handle, uv_close_cb on_closed);
void sr_api_resource_open(lua_State *L, saros_resource *resource);
void sr_api_resource_close(saros_resource *resource);

#endif
