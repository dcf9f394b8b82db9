/* SPDX-License-Identifier: MIT */
/*
** How a request leaves over a connection: its head, then its body, in one piece or as an upload gives it.
*/
#ifndef SR_HTTP_SENDING_H
#define SR_HTTP_SENDING_H

#include "http/conn.h"

/* Sends as much as leaves without waiting. What has failed stands in `write_status`. */
void sr_http_sending_go_on(SrHttpConn *conn);

#endif
