/* SPDX-License-Identifier: MIT */
/*
** A C module that uses streams in every way that saros.h has: a watcher, an adopted handle, an adopted descriptor,
** and a transport of its own, which is stacked on another: its bytes are those below with each bit turned.
*/
#include <stdlib.h>
#include <string.h>

#include "saros.h"

static const saros_api *saros;
static const saros_stream_api *streams;

static saros_stream *check_stream(lua_State *L) {
  saros_stream *stream = streams->test(L, 1);
  luaL_argexpected(L, stream != NULL, 1, "stream");
  return stream;
}

/* --- a watcher ------------------------------------------------------------------ */

/* Echoes what comes, without a task. */
typedef struct Echo {
  saros_stream *stream;
  int events; /* all that it was told of */
} Echo;

static Echo echo;

static void on_event(void *owner, int events) {
  Echo *self = (Echo *)owner;
  self->events |= events;
  if ((events & SAROS_CLOSED) != 0) return;
  char bytes[100];
  size_t count;
  while (!streams->is_full(self->stream) && (count = streams->read(self->stream, bytes, sizeof bytes)) > 0) {
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)count);
    if (streams->write(self->stream, &buf, 1) != 0) return;
  }
  if (streams->end(self->stream) != 0) streams->close(self->stream, 0);
}

/* echo(stream): from now on it is an echo, until its end. The caller keeps it. */
static int l_echo(lua_State *L) {
  echo = (Echo){check_stream(L), 0};
  streams->watch(echo.stream, SAROS_READABLE | SAROS_WRITABLE | SAROS_CLOSED, on_event, &echo);
  return 0;
}

/* events(): what the last echo was told of. */
static int l_events(lua_State *L) {
  lua_pushinteger(L, echo.events);
  return 1;
}

static int l_unwatch(lua_State *L) {
  streams->watch(check_stream(L), 0, NULL, NULL);
  return 0;
}

/* --- adopting -------------------------------------------------------------------- */

static int released;

static void release(uv_stream_t *handle) {
  released++;
  free(handle);
}

/* adopt(fd): a stream over a pipe handle of this module. */
static int l_adopt(lua_State *L) {
  uv_pipe_t *handle = (uv_pipe_t *)calloc(1, sizeof *handle);
  if (handle == NULL) return luaL_error(L, "not enough memory");
  uv_pipe_init(saros->loop(saros->runtime(L)), handle, 0);
  int status = uv_pipe_open(handle, (uv_file)luaL_checkinteger(L, 1));
  if (status != 0) return luaL_error(L, "%s", uv_strerror(status));
  streams->open(L, streams->adopt(L, (uv_stream_t *)handle, release));
  return 1;
}

static int l_adopt_fd(lua_State *L) {
  int status;
  saros_transport *transport = streams->adopt_fd(L, (uv_file)luaL_checkinteger(L, 1), &status);
  if (transport == NULL) return luaL_error(L, "%s", uv_err_name(status));
  streams->open(L, transport);
  return 1;
}

static int l_released(lua_State *L) {
  lua_pushinteger(L, released);
  return 1;
}

/* fds(): the descriptors of a pair of sockets. */
static int l_fds(lua_State *L) {
  uv_os_sock_t fds[2];
  if (uv_socketpair(SOCK_STREAM, 0, fds, 0, 0) != 0) return luaL_error(L, "no sockets");
  lua_pushinteger(L, fds[0]);
  lua_pushinteger(L, fds[1]);
  return 2;
}

/* pipe(): the descriptors of a pipe, the one that is read from first. */
static int l_pipe(lua_State *L) {
  uv_file fds[2];
  if (uv_pipe(fds, 0, 0) != 0) return luaL_error(L, "no pipe");
  lua_pushinteger(L, fds[0]);
  lua_pushinteger(L, fds[1]);
  return 2;
}

/* open_file(path): a descriptor. */
static int l_open_file(lua_State *L) {
  uv_fs_t request;
  lua_pushinteger(L, uv_fs_open(NULL, &request, luaL_checkstring(L, 1), 0, 0, NULL));
  uv_fs_req_cleanup(&request);
  return 1;
}

/* is_open(fd) */
static int l_is_open(lua_State *L) {
  uv_fs_t request;
  lua_pushboolean(L, uv_fs_fstat(NULL, &request, (uv_file)luaL_checkinteger(L, 1), NULL) == 0);
  uv_fs_req_cleanup(&request);
  return 1;
}

/* --- a transport ------------------------------------------------------------------- */

typedef struct Turned {
  saros_transport base;
  saros_transport *below;
} Turned;

static Turned *turned_of(const saros_transport *transport) {
  return (Turned *)(void *)(uintptr_t)transport;
}

static void turn(char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) bytes[i] = (char)~bytes[i];
}

static void on_read(void *owner, const char *bytes, size_t count) {
  Turned *turned = (Turned *)owner;
  char own[4096];
  while (count > 0 && turned->base.sink != NULL) { /* whoever hears may close it; not in this module */
    size_t part = count < sizeof own ? count : sizeof own;
    memcpy(own, bytes, part);
    turn(own, part);
    turned->base.sink->on_read(turned->base.owner, own, part);
    bytes += part;
    count -= part;
  }
}

static void on_end(void *owner, int status) {
  Turned *turned = (Turned *)owner;
  if (status == UV_EOF) status = SAROS_ETRUNCATED; /* there is no goodbye in this protocol */
  turned->base.sink->on_end(turned->base.owner, status);
}

static void on_drain(void *owner, int status) {
  Turned *turned = (Turned *)owner;
  turned->base.sink->on_drain(turned->base.owner, status);
}

static void on_shutdown(void *owner, int status) {
  Turned *turned = (Turned *)owner;
  turned->base.sink->on_shutdown(turned->base.owner, status);
}

static void on_closed(void *owner) {
  Turned *turned = (Turned *)owner;
  const saros_sink *sink = turned->base.sink;
  void *above = turned->base.owner;
  free(turned);
  sink->on_closed(above);
}

static const saros_sink sink = {
    .on_read = on_read,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
    .on_closed = on_closed,
};

static int turned_start(saros_transport *transport) {
  return turned_of(transport)->below->cls->start(turned_of(transport)->below);
}

static void turned_stop(saros_transport *transport) {
  turned_of(transport)->below->cls->stop(turned_of(transport)->below);
}

static ptrdiff_t turned_write(saros_transport *transport, const uv_buf_t *bufs, unsigned count) {
  saros_transport *below = turned_of(transport)->below;
  ptrdiff_t total = 0;
  for (unsigned i = 0; i < count; i++) {
    char *copy = (char *)malloc(bufs[i].len + 1);
    if (copy == NULL) return UV_ENOMEM;
    memcpy(copy, bufs[i].base, bufs[i].len);
    turn(copy, bufs[i].len);
    uv_buf_t buf = uv_buf_init(copy, (unsigned)bufs[i].len);
    ptrdiff_t taken = below->cls->write(below, &buf, 1);
    free(copy);
    if (taken < 0) return taken;
    total += taken;
  }
  return total;
}

static size_t turned_pending(const saros_transport *transport) {
  return turned_of(transport)->below->cls->pending(turned_of(transport)->below);
}

static int turned_shutdown(saros_transport *transport) {
  return turned_of(transport)->below->cls->shutdown(turned_of(transport)->below);
}

static void turned_close(saros_transport *transport, int at_once) {
  Turned *turned = turned_of(transport);
  turned->below->cls->close(turned->below, at_once);
  free(turned);
}

static void turned_hold(saros_transport *transport, int is_awaited) {
  turned_of(transport)->below->cls->hold(turned_of(transport)->below, is_awaited);
}

static uv_handle_t *turned_handle(saros_transport *transport) {
  return turned_of(transport)->below->cls->handle(turned_of(transport)->below);
}

static saros_resource *turned_resource(saros_transport *transport) {
  return turned_of(transport)->below->cls->resource(turned_of(transport)->below);
}

static void turned_push_info(saros_transport *transport, lua_State *L) {
  lua_pushstring(L, transport->cls->name);
}

static const saros_transport_class turned_class = {
    .name = "turned",
    .start = turned_start,
    .stop = turned_stop,
    .write = turned_write,
    .pending = turned_pending,
    .shutdown = turned_shutdown,
    .close = turned_close,
    .hold = turned_hold,
    .handle = turned_handle,
    .resource = turned_resource,
    .push_info = turned_push_info,
};

/* turn(stream): puts a transport on top of the present one. */
static int l_turn(lua_State *L) {
  saros_stream *stream = check_stream(L);
  Turned *turned = (Turned *)calloc(1, sizeof *turned);
  if (turned == NULL) return luaL_error(L, "not enough memory");
  turned->base.cls = &turned_class;
  turned->below = streams->transport(stream);
  turned->below->sink = &sink;
  turned->below->owner = turned;
  streams->stack(stream, &turned->base);
  return 0;
}

SAROS_EXPORT int luaopen_stream_module(lua_State *L);

int luaopen_stream_module(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"echo", l_echo},         {"events", l_events},       {"unwatch", l_unwatch}, {"adopt", l_adopt},
      {"adopt_fd", l_adopt_fd}, {"released", l_released},   {"fds", l_fds},         {"turn", l_turn},
      {"pipe", l_pipe},         {"open_file", l_open_file}, {"is_open", l_is_open}, {NULL, NULL},
  };
  saros = saros_open(L);
  streams = saros_open_streams(L);
  luaL_newlib(L, functions);
  return 1;
}
