/* SPDX-License-Identifier: MIT */
/* Which connections have a socket for themselves, see socket.h. */
#include "server/socket.h"

#include <string.h>

/* What sends the bytes as they are, by libuv; else NULL. */
static saros_transport *find_plain(const SrServerConn *conn) {
  saros_transport *transport = sr_server_streams->transport(conn->stream);
  if (transport == NULL || strcmp(transport->cls->name, "plain") != 0) return NULL;
  uv_handle_type type = transport->cls->handle(transport)->type;
  return type == UV_TCP || type == UV_NAMED_PIPE ? transport : NULL;
}

bool sr_server_socket_is_plain(const SrServerConn *conn) {
  return find_plain(conn) != NULL;
}

bool sr_server_socket_find(const SrServerConn *conn, uv_os_fd_t *fd) {
  if (conn->is_gone || conn->phase == SR_SERVER_CLOSED) return false;
  saros_transport *transport = find_plain(conn);
  return transport != NULL && transport->cls->pending(transport) == 0 &&
         uv_fileno(transport->cls->handle(transport), fd) == 0;
}
