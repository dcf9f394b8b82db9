/* SPDX-License-Identifier: MIT */
/*
** Transfers as Lua sees them: sending a request and reading its answer.
*/
#ifndef SR_HTTP_EXCHANGE_H
#define SR_HTTP_EXCHANGE_H

#include <lua.h>

/*
** send(pool, plan [, started]): performs the request the plan describes, up to the head of its answer.
** A later hop of an exchange says when that began. Returns the transfer, the status, the head and the
** seconds until it came; or nil and the failure (see sr_failure_push). [-3, +4|6, v]
*/
int sr_exchange_send(lua_State *L);

/* Registers the metatable. [-0, +0, m] */
void sr_exchange_open(lua_State *L);

#endif
