/* SPDX-License-Identifier: MIT */
/* The names of the two ends of a stream. */
#include <stdlib.h>

#include "io/failure.h"
#include "io/address.h"

void sr_io_push_sockaddr(lua_State *L, const struct sockaddr *address) {
  char host[INET6_ADDRSTRLEN] = "";
  int port;
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    uv_ip6_name(v6, host, sizeof host);
    port = ntohs(v6->sin6_port);
  } else {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    uv_ip4_name(v4, host, sizeof host);
    port = ntohs(v4->sin_port);
  }
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
}

/* The path of a Unix socket; that of one without a name is empty. */
static int push_path(lua_State *L, const uv_pipe_t *pipe, bool of_peer) {
  char small[256];
  size_t size = sizeof small;
  small[0] = '\0'; /* libuv looks at it, even where it has put nothing there */
  int status = of_peer ? uv_pipe_getpeername(pipe, small, &size) : uv_pipe_getsockname(pipe, small, &size);
  if (status != 0) size = 0; /* not connected any more */
  if (size > 0 && small[0] != '\0' && small[size - 1] == '\0') size--;
  lua_pushlstring(L, small, size);
  return 1;
}

static int push_tcp(lua_State *L, const saros_stream *stream, const uv_tcp_t *tcp, bool of_peer) {
  SrIoAddress address = stream->peer;
  int size = sizeof address;
  if (!of_peer && uv_tcp_getsockname(tcp, &address.any, &size) != 0) address.any.sa_family = 0;
  if (address.any.sa_family == 0) return lua_pushnil(L), 1;
  sr_io_push_sockaddr(L, &address.any);
  return 2;
}

int sr_io_push_address(lua_State *L, saros_stream *stream, bool of_peer) {
  if (stream->transport == NULL) {
    if (!of_peer || stream->peer.any.sa_family == 0) return sr_io_raise_closed(L, "the stream is closed");
    sr_io_push_sockaddr(L, &stream->peer.any);
    return 2;
  }
  uv_handle_t *handle = stream->transport->cls->handle(stream->transport);
  if (handle->type == UV_TCP) return push_tcp(L, stream, (uv_tcp_t *)handle, of_peer);
  if (handle->type == UV_NAMED_PIPE && of_peer && stream->path != NULL) return lua_pushstring(L, stream->path), 1;
  if (handle->type == UV_NAMED_PIPE) return push_path(L, (uv_pipe_t *)handle, of_peer);
  lua_pushnil(L);
  return 1;
}
