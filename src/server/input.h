/* SPDX-License-Identifier: MIT */
/* The body of a request as its handler reads it. */
#ifndef SR_SERVER_INPUT_H
#define SR_SERVER_INPUT_H

#include "server/state.h"

/* request:_read(limit, function): bytes, at most so many; nil at the end. What the client got wrong is raised. */
int sr_server_l_read(lua_State *L);
#endif
