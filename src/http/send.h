/* SPDX-License-Identifier: MIT */
/*
** Sending a request, as Lua sees it.
*/
#ifndef SR_HTTP_SEND_H
#define SR_HTTP_SEND_H

#include <lua.h>

/*
** send(pool, request [, upload [, started]]): performs a prepared request, up to the head of its response.
** A later hop of an exchange says when that began. Returns the transfer, the status, the head, the
** seconds until it came, whether it sets cookies, and the body, or nil where that is still to be read from the
** transfer; or nil and the failure (see sr_http_failure_push). [-4, +6|7, v]
*/
int sr_http_send(lua_State *L);

#endif
