/* SPDX-License-Identifier: MIT */
/* How tasks come into a group. */
#ifndef SR_GROUP_START_H
#define SR_GROUP_START_H

#include "combine/group_state.h"

/* group:spawn(fn, ...): a task of the group. Waits for a place where its number is limited. */
int sr_l_group_spawn(lua_State *L);
/* group:start(fn, ...): runs fn(started, ...) in the group, and waits until it has called `started`. */
int sr_l_group_start(lua_State *L);
/* Registers what `started` is made of. [-0, +0, m] */
void sr_open_group_start(lua_State *L);

#endif
