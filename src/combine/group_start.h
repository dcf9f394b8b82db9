/* SPDX-License-Identifier: MIT */
/* How tasks come into a group: spawn, and start, which waits until the task says that it is ready. */
#ifndef SR_GROUP_START_H
#define SR_GROUP_START_H

#include "combine/group.h"

int sr_l_group_spawn(lua_State *L);
int sr_l_group_start(lua_State *L);
/* Registers the class of what start waits with. */
void sr_open_group_start(lua_State *L);

#endif
