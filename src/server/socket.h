/* SPDX-License-Identifier: MIT */
/* The socket below a connection, for what is sent past its stream. */
#ifndef SR_SERVER_SOCKET_H
#define SR_SERVER_SOCKET_H

#include "server/state.h"

/* Whether libuv sends the bytes of the stream as they are: there is no TLS in between. */
bool sr_server_socket_is_plain(const SrServerConn *conn);
/* The descriptor, if that is so and nothing waits to be sent to it. False: there is none, also at the end. */
bool sr_server_socket_find(const SrServerConn *conn, uv_os_fd_t *fd);

#endif
