/* SPDX-License-Identifier: MIT */
/* Two streams that are connected with each other. */
#include "base/platform.h"
#include "io/failure.h"
#include "net/net.h"

/* Makes a transport of one end, which is closed if that fails. */
static SrIoPlain *adopt(SrIoContext *context, uv_os_sock_t socket, int *status) {
  uv_handle_type type = sr_socket_family(socket) == AF_UNIX ? UV_NAMED_PIPE : UV_TCP;
  SrIoPlain *plain = sr_io_plain_new(context, type, status);
  if (plain != NULL) {
    *status = type == UV_TCP ? uv_tcp_open(&plain->own.tcp, socket) : uv_pipe_open(&plain->own.pipe, (uv_file)socket);
    if (*status == 0) return plain;
    sr_io_plain_discard(plain);
  }
  sr_socket_close(socket);
  return NULL;
}

/* pair() gives two streams. */
int sr_net_pair(lua_State *L) {
  uv_os_sock_t sockets[2];
  sr_net_check_loop(L, "pair");
  SrIoContext *context = sr_io_context(L);
  int status = uv_socketpair(SOCK_STREAM, 0, sockets, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
  if (status != 0) return sr_io_push_system(L, status, "socketpair"), lua_error(L);
  SrIoPlain *left = adopt(context, sockets[0], &status);
  SrIoPlain *right = NULL;
  if (left != NULL)
    right = adopt(context, sockets[1], &status);
  else
    sr_socket_close(sockets[1]);
  if (right == NULL) {
    if (left != NULL) sr_io_plain_discard(left);
    return sr_io_push_system(L, status, "socketpair"), lua_error(L);
  }
  sr_io_plain_open(L, right); /* closed at the end of the run, should the first one find no memory */
  sr_net_push_stream(L, left, (SrNetTuning){0});
  sr_io_stream_open(L, &right->base);
  return 2;
}
