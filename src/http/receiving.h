/* SPDX-License-Identifier: MIT */
/*
** What comes over a connection as the response of its transfer.
*/
#ifndef SR_HTTP_RECEIVING_H
#define SR_HTTP_RECEIVING_H

#include "http/conn.h"

/*
** Where the next bytes may be put so that they need not be copied into the body: only if they belong to it alone, however
** many come. Else the room stays as it is.
*/
void sr_http_receiving_room(const SrHttpConn *conn, uv_buf_t *room);

/*
** Takes bytes of the response. `is_whole` is set at its end, and `awaits_go` taken back where the server says so. False:
** the transfer has failed, and is to be ended.
*/
bool sr_http_receiving_take(SrHttpConn *conn, const char *bytes, size_t count);

/* Nothing follows, for that reason. The response is whole, or the transfer has failed. */
void sr_http_receiving_end(SrHttpConn *conn, int status);

#endif
