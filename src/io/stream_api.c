/* SPDX-License-Identifier: MIT */
/* The face of a stream that C modules see: what stands behind struct saros_stream_api. */
#include <string.h>

#include "io/plain.h"
#include "io/faces.h"

/* --- making them ------------------------------------------------------------------ */

static saros_transport *api_adopt(lua_State *L, uv_stream_t *handle, void (*release)(uv_stream_t *handle)) {
  SrIoPlain *plain = sr_io_plain_adopt(sr_io_context(L), handle, release);
  if (plain == NULL) return NULL;
  sr_io_plain_open(L, plain);
  return &plain->base;
}

/* The handle of a descriptor. NULL: see status. */
static SrIoPlain *open_plain(SrIoContext *context, uv_file fd, int *status) {
  uv_handle_type type = uv_guess_handle(fd);
  *status = UV_EINVAL;
  if (type != UV_TCP && type != UV_NAMED_PIPE) return NULL;
  SrIoPlain *plain = sr_io_plain_new(context, type, status);
  if (plain == NULL) return NULL;
  *status = type == UV_TCP ? uv_tcp_open(&plain->own.tcp, fd) : uv_pipe_open(&plain->own.pipe, fd);
  if (*status == 0) return plain;
  sr_io_plain_discard(plain);
  return NULL;
}

static saros_transport *api_adopt_fd(lua_State *L, uv_file fd, int *status) {
  SrIoPlain *plain = open_plain(sr_io_context(L), fd, status);
  if (plain == NULL) {
    uv_fs_t request;
    uv_fs_close(NULL, &request, fd, NULL);
    uv_fs_req_cleanup(&request);
    return NULL;
  }
  sr_io_plain_open(L, plain);
  return &plain->base;
}

static saros_stream *api_test(lua_State *L, int index) {
  return (saros_stream *)sr_io_test(L, index, &sr_io_stream_class);
}

/* --- reading ------------------------------------------------------------------------ */

static const char *api_peek(saros_stream *stream, size_t *count) {
  *count = sr_io_reader_count(stream);
  return sr_buffer_front(&stream->in);
}

static size_t api_read(saros_stream *stream, char *into, size_t room) {
  size_t count = sr_io_reader_count(stream);
  if (count > room) count = room;
  if (count == 0) return 0;
  memcpy(into, sr_buffer_front(&stream->in), count);
  sr_io_reader_consume(stream, count);
  return count;
}

static int api_end(const saros_stream *stream) {
  return stream->transport == NULL ? UV_ECANCELED : stream->end;
}

static int api_is_read(const saros_stream *stream) {
  return stream->reader.task != NULL || stream->is_piped;
}

static int api_wait_readable(lua_State *L, saros_stream *stream, size_t have, lua_KFunction k, lua_KContext ctx) {
  SrIoFrame frame = {.want = SR_IO_MORE, .count = have};
  SrIoFound found;
  sr_io_reader_check(L, stream);
  if (sr_io_reader_is_ready(stream, &frame, &found)) return k(L, LUA_OK, ctx);
  return sr_io_reader_park(L, stream, &frame, k, ctx);
}

/* --- writing ------------------------------------------------------------------------- */

static int api_write(saros_stream *stream, const uv_buf_t *bufs, unsigned count) {
  return sr_io_writer_send(stream, bufs, count, NULL);
}

static int api_is_full(const saros_stream *stream) {
  return sr_io_writer_is_full(stream);
}

static int api_wait_writable(lua_State *L, saros_stream *stream, lua_KFunction k, lua_KContext ctx) {
  int status;
  SrIoWriter *writer = sr_io_writer_await(stream, &status);
  if (writer == NULL) return k(L, LUA_OK, ctx);
  return sr_io_writer_park_in(L, writer, k, ctx);
}

static int api_write_status(const saros_stream *stream) {
  if (stream->transport == NULL || stream->write_end <= SR_IO_CUT_OFF) return UV_ECANCELED;
  return stream->write_end;
}

static int api_shutdown(saros_stream *stream) {
  int status = UV_ECANCELED;
  if (stream->transport != NULL) sr_io_writer_shutdown(stream, &status);
  return status;
}

/* --- both ------------------------------------------------------------------------------ */

static void api_watch(saros_stream *stream, int events, void (*on_event)(void *owner, int events), void *owner) {
  stream->watched = on_event != NULL ? events : 0;
  stream->on_event = on_event;
  stream->watcher = owner;
  sr_io_stream_hold(stream);
  if ((stream->watched & SAROS_READABLE) != 0) sr_io_reader_start(stream);
}

static int api_is_closed(const saros_stream *stream) {
  return stream->transport == NULL;
}

static saros_transport *api_transport(saros_stream *stream) {
  return stream->transport;
}

const saros_stream_api sr_io_stream_api = {
    .version = SAROS_API_VERSION,
    .open = sr_io_stream_open,
    .adopt = api_adopt,
    .adopt_fd = api_adopt_fd,
    .test = api_test,
    .peek = api_peek,
    .consume = sr_io_reader_consume,
    .read = api_read,
    .end = api_end,
    .is_read = api_is_read,
    .wait_readable = api_wait_readable,
    .write = api_write,
    .is_full = api_is_full,
    .wait_writable = api_wait_writable,
    .write_status = api_write_status,
    .shutdown = api_shutdown,
    .watch = api_watch,
    .close = sr_io_stream_close,
    .is_closed = api_is_closed,
    .push_error = sr_io_stream_push_error,
    .transport = api_transport,
    .stack = sr_io_stream_stack,
};
