/* SPDX-License-Identifier: MIT */
/* What the dispatcher hears of a connection, and how that ends. All of it may happen in callbacks: C only. */
#ifndef SR_SERVER_CLOSING_H
#define SR_SERVER_CLOSING_H

#include "server/state.h"

/* The dispatcher is to look at it. */
void sr_server_conn_tell(SrServerConn *conn);
/* Closes it behind what was written, or at once, as a reset. */
void sr_server_conn_close(SrServerConn *conn, bool at_once);
/* The client does not hear us any more. */
void sr_server_conn_lose(SrServerConn *conn);
/* The same, and the stream is closed already. */
void sr_server_conn_end(SrServerConn *conn);

#endif
