/* SPDX-License-Identifier: MIT */
/*
** Debug mode: warnings on standard error about what is slow, swallowed, cut off or left to the
** collector. Off, it costs one comparison a step.
*/
#ifndef SR_DEBUG_H
#define SR_DEBUG_H

#include "runtime/state.h"

/* The CancelledError on top is about to be raised in `t`. [-0, +0, m] */
void sr_debug_cancelled(lua_State *L, SrTask *t);
/* An await of `t` begins although it is cancelled, and will raise. [-0, +0, m] */
void sr_debug_raise(lua_State *L, SrTask *t);
/* `t` ends with this status. [-0, +0, m] */
void sr_debug_end(lua_State *L, SrTask *t, SrStatus status);
/*
** A step begins: pushes the handle and returns its index, for sr_debug_stop. Only in debug mode, or if steps are
** recorded. [-0, +1, -]
*/
int sr_debug_start(lua_State *L, SrTask *t);
/* The step goes on in another coroutine of its task. */
void sr_debug_move(lua_State *from, lua_State *to);
/* The step of the task that ran in `co` is over; removes its handle, which is at `index`. [-1, +0, -] */
void sr_debug_stop(lua_State *L, int index, lua_State *co);
/* The run ends: warns of every task that is left. [-0, +0, m] */
void sr_debug_cut_off(lua_State *L, SrRuntime *rt);
/* A block was forgotten; what is on top says which. [-0, +0, -] */
void sr_debug_forgotten(lua_State *L);
/* A resource was left to the collector. [-0, +0, m] */
void sr_debug_collected(lua_State *L, const saros_resource *resource, const char *name);

/* For what is made in Lua: place() gives where, in debug mode; collected(name, place) is for its __gc. */
int sr_l_place(lua_State *L);
int sr_l_collected(lua_State *L);

/* debug(on or {slow = seconds}) */
int sr_l_debug(lua_State *L);
/* Reads SAROS_DEBUG. */
void sr_open_debug(SrRuntime *rt);

#endif
