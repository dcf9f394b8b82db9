/* SPDX-License-Identifier: MIT */
/*
** Sending a request, as Lua sees it.
*/
#ifndef SR_HTTP_EXCHANGE_H
#define SR_HTTP_EXCHANGE_H

#include <lua.h>

/*
** send(pool, plan [, upload [, started]]): performs the request the plan describes, up to the head of its answer.
** A later hop of an exchange says when that began. Returns the transfer, the status, the head, the
** seconds until it came and whether it sets cookies; or nil and the failure (see sr_failure_push). [-4, +5|7, v]
*/
int sr_exchange_send(lua_State *L);

#endif
