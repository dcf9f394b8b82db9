/* SPDX-License-Identifier: MIT */
/*
** Sending a request, as Lua sees it.
*/
#ifndef SR_HTTP_SEND_H
#define SR_HTTP_SEND_H

#include "http/state.h"

/* Where a transfer stands on the stack while it is sent: it anchors all that it is sent from. */
enum { SR_HTTP_SENT = 3 };

/*
** Sends a new transfer, which is on top, at SR_HTTP_SENT; its pool, request, backend, upload and `deliver` are set, and
** `check` has been asked. `started` is when the first hop began of which this is a later one, negative for a first one.
** To be returned: it waits for the head, and then returns what `deliver` does. [-0, +?, v]
*/
int sr_http_send(lua_State *L, SrHttpTransfer *transfer, double started);

/* The outcome of a transfer that stands at SR_HTTP_SENT: pushes the Response, or nil and the failure. [-0, +1|2, m] */
int sr_http_send_outcome(lua_State *L, SrHttpTransfer *transfer);

/* Adds send() to the table on top. [-0, +0, m] */
void sr_http_open_send(lua_State *L);

#endif
