/* SPDX-License-Identifier: MIT */
/* A stream, made and closed, and what stands between its two sides and its transport; see stream.h. */
#include "io/stream.h"

#include <stdlib.h>
#include <string.h>

#include "io/failure.h"
#include "io/plain.h"

const SrIoClass sr_io_stream_class = {"stream"};

/* --- what the transport tells -------------------------------------------------- */

static void on_room(void *owner, uv_buf_t *room) {
  sr_io_reader_room((saros_stream *)owner, room);
}

static void on_read(void *owner, const char *bytes, size_t count) {
  sr_io_reader_take((saros_stream *)owner, bytes, count);
}

static void on_end(void *owner, int status) {
  sr_io_reader_end((saros_stream *)owner, status);
}

static int on_readable(void *owner) {
  return sr_io_reader_readable((saros_stream *)owner);
}

static void on_drain(void *owner, int status) {
  sr_io_writer_drain((saros_stream *)owner, status);
}

static void on_shutdown(void *owner, int status) {
  sr_io_writer_shut((saros_stream *)owner, status);
}

/* Everybody who waits hears of it; the transport is gone. */
static void become_closed(saros_stream *stream) {
  stream->transport = NULL;
  stream->is_started = stream->is_readable = false;
  stream->handed++;
  sr_buffer_free(&stream->in);
  sr_io_reader_wake(stream);
  if (stream->piped != NULL) sr_io_saros->wake(stream->piped);
  sr_io_writer_fail(stream, UV_ECANCELED);
  sr_io_stream_notify(stream, SAROS_CLOSED);
}

static void on_closed(void *owner) {
  become_closed((saros_stream *)owner);
}

static const saros_sink stream_sink = {
    .on_room = on_room,
    .on_read = on_read,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
    .on_closed = on_closed,
    .on_readable = on_readable,
};

/* --- new ------------------------------------------------------------------------ */

static void note_peer(saros_stream *stream) {
  uv_handle_t *handle = stream->transport->cls->handle(stream->transport);
  int size = sizeof stream->peer;
  if (handle->type != UV_TCP) return;
  if (uv_tcp_getpeername((uv_tcp_t *)handle, &stream->peer.any, &size) != 0) stream->peer.any.sa_family = 0;
}

/* Its user value tells where it comes from: the host or path that it was connected to, true if it was accepted. */
static int l_new(lua_State *L) {
  sr_io_new(L, &sr_io_stream_class, sizeof(saros_stream), 1);
  return 1;
}

saros_stream *sr_io_stream_open(lua_State *L, saros_transport *transport) {
  SrIoContext *context = sr_io_context(L);
  lua_pushcfunction(L, l_new);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    transport->cls->close(transport, 1);
    lua_error(L);
  }
  saros_stream *stream = (saros_stream *)lua_touserdata(L, -1);
  stream->context = context;
  stream->transport = transport;
  transport->sink = &stream_sink;
  transport->owner = stream;
  note_peer(stream);
  return stream;
}

/* --- the end --------------------------------------------------------------------- */

void sr_io_stream_close(saros_stream *stream, int at_once) {
  saros_transport *transport = stream->transport;
  if (transport == NULL) return;
  if (!at_once) sr_io_writer_flush(stream);
  transport->sink = NULL;
  stream->transport = NULL;
  transport->cls->close(transport, at_once);
  become_closed(stream);
}

void sr_io_stream_free(saros_stream *stream) {
  stream->watched = 0;
  stream->piped = NULL; /* the other one may be gone already */
  sr_io_stream_close(stream, 0);
  sr_io_writer_free(stream);
  sr_buffer_free(&stream->in);
  free(stream->skipped);
  free(stream->path);
  stream->skipped = stream->path = NULL;
}

/* --- the rest --------------------------------------------------------------------- */

/* Bytes that were read ahead are for what is stacked on the transport, which may ask for more at once. */
void sr_io_stream_stack(saros_stream *stream, saros_transport *above) {
  saros_transport *below = stream->transport;
  SrBuffer early = stream->in;
  int end = stream->end;
  stream->in = (SrBuffer){0};
  stream->handed++;
  free(stream->skipped); /* no line goes on in what is no plain text */
  stream->skipped = NULL;
  stream->end = 0;
  stream->transport = above;
  above->sink = &stream_sink;
  above->owner = stream;
  if (stream->is_started) below->cls->stop(below);
  stream->is_started = stream->is_readable = false;
  if (sr_buffer_length(&early) > 0)
    below->sink->on_read(below->owner, sr_buffer_front(&early), sr_buffer_length(&early));
  sr_buffer_free(&early);
  if (end != 0) below->sink->on_end(below->owner, end);
  if ((stream->watched & SAROS_READABLE) != 0) sr_io_reader_start(stream);
}

static void push_eof_error(lua_State *L, const char *function, int status) {
  if (status == UV_EOF)
    sr_io_saros->push_error(L, "EOFError", "EOF", "%s: the data ended in the middle", function);
  else
    sr_io_saros->push_error(L, "EOFError", "ETRUNCATED", "%s: the connection was cut off", function);
}

static void push_system(lua_State *L, saros_stream *stream, const char *syscall, int status) {
  char host[INET6_ADDRSTRLEN];
  if (stream->path != NULL)
    sr_io_push_system_path(L, status, syscall, stream->path);
  else if (stream->peer.any.sa_family == AF_INET6 && uv_ip6_name(&stream->peer.v6, host, sizeof host) == 0)
    sr_io_push_system_host(L, status, syscall, host, ntohs(stream->peer.v6.sin6_port));
  else if (stream->peer.any.sa_family == AF_INET && uv_ip4_name(&stream->peer.v4, host, sizeof host) == 0)
    sr_io_push_system_host(L, status, syscall, host, ntohs(stream->peer.v4.sin_port));
  else
    sr_io_push_system(L, status, syscall);
}

static const char *syscall_of(const char *function) {
  if (strcmp(function, "shutdown") == 0) return "shutdown";
  return strncmp(function, "write", 5) == 0 ? "write" : "read";
}

void sr_io_stream_push_error(lua_State *L, saros_stream *stream, const char *function, int status) {
  saros_transport *transport = stream->transport;
  if (transport == NULL || status == UV_ECANCELED)
    sr_io_saros->push_error(L, "ClosedError", "ECLOSED", "the stream is closed");
  else if (status == SR_IO_CUT_OFF)
    sr_io_saros->push_error(L, "ClosedError", "ECLOSED",
                            "a write was cancelled in the middle: the write side is closed");
  else if (status == SR_IO_SHUT_DOWN)
    sr_io_saros->push_error(L, "ClosedError", "ECLOSED", "the write side is shut down");
  else if (status == UV_EOF || status == SAROS_ETRUNCATED)
    push_eof_error(L, function, status);
  else if (transport->cls->push_error == NULL || !transport->cls->push_error(transport, L, status))
    push_system(L, stream, syscall_of(function), status);
}
