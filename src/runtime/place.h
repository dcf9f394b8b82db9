/* SPDX-License-Identifier: MIT */
/*
** Places in the user's code: where a task, a block or a resource was made, and where a function of ours was called.
** What is written in Lua by ourselves is no place: it is looked through.
*/
#ifndef SR_PLACE_H
#define SR_PLACE_H

#include "runtime/state.h"

/* Sources that begin with this are saros' own, and no place is in them. [-0, +0, v] */
void sr_set_home(lua_State *L, const char *prefix);
/* Whether this source is one of them. */
bool sr_is_home(const SrRuntime *rt, const char *source);
/* Finds the user's Lua code that runs at this level or called what does; false if there is none. [-0, +0, -] */
bool sr_find_caller(lua_State *L, const SrRuntime *rt, int level, lua_Debug *ar);

/* Pushes "file:line: " of the user's code that called, "" if there is none. [-0, +1, m] */
void sr_push_position(lua_State *L);
/* Records the place of the Lua code that called the running C function; there is none: that of the task. [-0, +0, -] */
void sr_place(lua_State *L, SrRuntime *rt, SrScope *scope);
/* Records one that is SR_ASKED_LATER. If the coroutine of the task was closed from outside there is none. [-0, +0, -] */
void sr_ask_place(SrScope *scope);
/* Pushes "file:line" of a recorded place. [-0, +1, m] */
void sr_push_place(lua_State *L, const SrScope *scope);
/* The task at `index` ends, and its place may be forgotten as one of many: keeps its text. [-0, +0, m] */
void sr_keep_place(lua_State *L, int index);
/* Pushes the place of the task at `index`, which may have ended. [-0, +1, m] */
void sr_push_place_of(lua_State *L, int index);
/* A resource is placed as a scope is. */
void sr_place_resource(lua_State *L, saros_resource *resource);
void sr_push_resource_place(lua_State *L, const saros_resource *resource);

#endif
