/* SPDX-License-Identifier: MIT */
/*
** How a stream writes, see writer.h.
**
** A message goes to the transport at once if nobody waits and little is pending; else it is copied and waits in
** line. Only the first in line may have begun, so all others can be withdrawn without a trace.
*/
#include <stdlib.h>
#include <string.h>

#include "io/writer.h"

static size_t pending(const saros_stream *stream) {
  return stream->transport != NULL ? stream->transport->cls->pending(stream->transport) : 0;
}

bool sr_io_writer_is_full(const saros_stream *stream) {
  return pending(stream) + stream->queued >= SAROS_HIGH_WATER;
}

/* --- the line ----------------------------------------------------------------- */

/* A ring: the list points to the first, whose `prev` is the last. */
static void append(SrIoWriter **list, SrIoWriter *writer) {
  SrIoWriter *first = *list;
  if (first == NULL) {
    *list = writer->next = writer->prev = writer;
    return;
  }
  writer->next = first;
  writer->prev = first->prev;
  first->prev->next = writer;
  first->prev = writer;
}

static void remove_from(SrIoWriter **list, SrIoWriter *writer) {
  writer->prev->next = writer->next;
  writer->next->prev = writer->prev;
  if (*list == writer) *list = writer->next != writer ? writer->next : NULL;
}

static SrIoWriter *new_writer(saros_stream *stream, SrIoTask task, size_t size) {
  SrIoWriter *writer = (SrIoWriter *)malloc(sizeof *writer + size);
  if (writer == NULL) return NULL;
  *writer = (SrIoWriter){.stream = stream, .task = task, .size = size};
  append(&stream->writers, writer);
  stream->queued += size;
  return writer;
}

static void leave_line(SrIoWriter *writer) {
  remove_from(&writer->stream->writers, writer);
  writer->stream->queued -= writer->size - writer->sent;
}

/* One in line has come to its end. If a task waits for it the record stays until that has gone on. */
static void end_writer(SrIoWriter *writer, int status) {
  leave_line(writer);
  writer->status = status;
  writer->has_ended = true;
  if (!writer->is_awaited) {
    free(writer);
    return;
  }
  append(&writer->stream->done, writer);
  sr_io_saros->wake(&writer->wait);
}

void sr_io_writer_fail(saros_stream *stream, int status) {
  if (stream->write_end == 0 || stream->write_end == SR_IO_SHUT_DOWN) stream->write_end = status;
  while (stream->writers != NULL) end_writer(stream->writers, status);
  sr_io_stream_notify(stream, SAROS_WRITABLE);
}

/* Hands on what the transport takes. False: it takes no more now. */
static bool hand_on(SrIoWriter *writer) {
  saros_stream *stream = writer->stream;
  size_t left = writer->size - writer->sent, before = pending(stream);
  if (left == 0) return true;
  if (before > 0 && before + left >= SAROS_HIGH_WATER) return false;
  uv_buf_t buf = uv_buf_init(writer->bytes + writer->sent, 0);
  buf.len = left;
  ptrdiff_t taken = stream->transport->cls->write(stream->transport, &buf, 1);
  if (taken < 0) {
    sr_io_writer_fail(stream, (int)taken);
    return false;
  }
  writer->has_begun = true;
  writer->sent += (size_t)taken;
  stream->queued -= (size_t)taken;
  return writer->sent == writer->size;
}

/* Tells the transport, once. */
static void begin_shutdown(SrIoWriter *writer) {
  saros_stream *stream = writer->stream;
  if (writer->has_begun) return;
  writer->has_begun = true;
  int status = stream->transport->cls->shutdown(stream->transport);
  if (status == 0) return;
  if (status != UV_ENOTCONN) stream->write_end = status; /* its task may not wait yet */
  sr_io_writer_shut(stream, status);
}

/* Serves those in line as far as that goes. */
static void serve(saros_stream *stream) {
  while (stream->writers != NULL && stream->transport != NULL) {
    SrIoWriter *writer = stream->writers;
    if (writer->task == SR_IO_SHUTDOWN) {
      begin_shutdown(writer);
      return;
    }
    if (!hand_on(writer) || pending(stream) >= SAROS_HIGH_WATER) return;
    end_writer(writer, 0);
  }
}

void sr_io_writer_drain(saros_stream *stream, int status) {
  if (status < 0) {
    sr_io_writer_fail(stream, status);
    return;
  }
  serve(stream);
  if (!sr_io_writer_is_full(stream)) sr_io_stream_notify(stream, SAROS_WRITABLE);
}

void sr_io_writer_shut(saros_stream *stream, int status) {
  SrIoWriter *writer = stream->writers;
  if (writer == NULL || writer->task != SR_IO_SHUTDOWN) return;
  if (status == UV_ENOTCONN) status = 0; /* the peer was faster: there is nothing left to end */
  end_writer(writer, status);
  serve(stream);
}

/* --- writing -------------------------------------------------------------------- */

static size_t total_of(const uv_buf_t *bufs, unsigned count) {
  size_t total = 0;
  for (unsigned i = 0; i < count; i++) total += bufs[i].len;
  return total;
}

/* Puts what is behind the first `sent` bytes in line. */
static SrIoWriter *queue_rest(saros_stream *stream, const uv_buf_t *bufs, unsigned count, size_t sent, size_t total) {
  SrIoWriter *writer = new_writer(stream, SR_IO_MESSAGE, total - sent);
  if (writer == NULL) return NULL;
  writer->has_begun = sent > 0;
  char *end = writer->bytes;
  for (unsigned i = 0; i < count; i++) {
    size_t skipped = sent < bufs[i].len ? sent : bufs[i].len;
    if (bufs[i].len > skipped) memcpy(end, bufs[i].base + skipped, bufs[i].len - skipped);
    end += bufs[i].len - skipped;
    sent -= skipped;
  }
  return writer;
}

/* Nobody is in line and there is room: the message goes straight on. How much was taken, or a status. */
static ptrdiff_t send_now(saros_stream *stream, const uv_buf_t *bufs, unsigned count, size_t total, size_t before) {
  if (stream->writers != NULL || (before > 0 && before + total >= SAROS_HIGH_WATER)) return 0;
  ptrdiff_t taken = stream->transport->cls->write(stream->transport, bufs, count);
  if (taken < 0) sr_io_writer_fail(stream, (int)taken);
  return taken;
}

int sr_io_writer_send(saros_stream *stream, const uv_buf_t *bufs, unsigned count, SrIoWriter **blocked) {
  size_t total = total_of(bufs, count);
  if (blocked != NULL) *blocked = NULL;
  if (stream->transport == NULL) return UV_ECANCELED;
  if (stream->write_end != 0) return stream->write_end;
  if (total == 0) return 0;
  size_t before = pending(stream);
  ptrdiff_t taken = send_now(stream, bufs, count, total, before);
  if (taken < 0) return (int)taken;
  /* What encryption adds is less than another half. */
  bool has_room = before + total < SAROS_HIGH_WATER / 2 || pending(stream) < SAROS_HIGH_WATER;
  if ((size_t)taken == total && (has_room || blocked == NULL)) return 0;
  SrIoWriter *writer = queue_rest(stream, bufs, count, (size_t)taken, total);
  if (writer == NULL) {
    if (taken > 0) sr_io_writer_fail(stream, UV_ENOMEM);
    return UV_ENOMEM;
  }
  if (blocked != NULL) *blocked = writer;
  return 0;
}

SrIoWriter *sr_io_writer_await(saros_stream *stream, int *status) {
  *status = stream->transport == NULL ? UV_ECANCELED : stream->write_end == SR_IO_SHUT_DOWN ? 0 : stream->write_end;
  if (*status != 0 || (stream->writers == NULL && pending(stream) < SAROS_HIGH_WATER)) return NULL;
  SrIoWriter *writer = new_writer(stream, SR_IO_FLUSH, 0);
  if (writer == NULL) *status = UV_ENOMEM;
  return writer;
}

/* The one that is in line already, maybe without its task. */
static SrIoWriter *find_shutdown(saros_stream *stream) {
  SrIoWriter *last = stream->writers != NULL ? stream->writers->prev : NULL;
  return last != NULL && last->task == SR_IO_SHUTDOWN ? last : NULL;
}

SrIoWriter *sr_io_writer_shutdown(saros_stream *stream, int *status) {
  *status = stream->write_end;
  if (*status == SR_IO_SHUT_DOWN) {
    *status = 0;
    return find_shutdown(stream) != NULL ? new_writer(stream, SR_IO_FLUSH, 0) : NULL;
  }
  if (*status != 0) return NULL;
  SrIoWriter *writer = new_writer(stream, SR_IO_SHUTDOWN, 0);
  if (writer == NULL) {
    *status = UV_ENOMEM;
    return NULL;
  }
  stream->write_end = SR_IO_SHUT_DOWN;
  serve(stream);
  writer = find_shutdown(stream);
  if (writer == NULL && stream->write_end != SR_IO_SHUT_DOWN) *status = stream->write_end;
  return writer;
}

/* --- waiting -------------------------------------------------------------------- */

/*
** What has not begun is withdrawn. What has begun cannot be taken back, and nobody could tell where the next message
** begins: the stream is fit for closing only.
*/
static int abort_write(saros_wait *wait) {
  SrIoWriter *writer = SR_IO_CONTAINER(wait, SrIoWriter, wait);
  saros_stream *stream = writer->stream;
  if (writer->task == SR_IO_SHUTDOWN) return 1; /* goes on without its task */
  bool is_cut_off = writer->task == SR_IO_MESSAGE && writer->has_begun;
  end_writer(writer, UV_ECANCELED);
  if (is_cut_off)
    sr_io_writer_fail(stream, SR_IO_CUT_OFF);
  else
    serve(stream);
  return 1;
}

static const saros_kind write_kind = {"room to write", abort_write};

int sr_io_writer_park(lua_State *L, SrIoWriter *writer, lua_KFunction k) {
  writer->is_awaited = true;
  return sr_io_saros->park(L, &writer->wait, &write_kind, k, (lua_KContext)writer);
}

int sr_io_writer_finish(SrIoWriter *writer) {
  int status = writer->status;
  writer->is_awaited = false;
  if (!writer->has_ended) return 0;
  remove_from(&writer->stream->done, writer);
  free(writer);
  return status;
}

static int k_go_on(lua_State *L, int status, lua_KContext ctx) {
  SrIoWriter *writer = (SrIoWriter *)ctx;
  lua_KFunction k = writer->k;
  lua_KContext inner = writer->ctx;
  sr_io_writer_finish(writer);
  return k(L, status, inner);
}

int sr_io_writer_park_in(lua_State *L, SrIoWriter *writer, lua_KFunction k, lua_KContext ctx) {
  writer->k = k;
  writer->ctx = ctx;
  return sr_io_writer_park(L, writer, k_go_on);
}

void sr_io_writer_flush(saros_stream *stream) {
  while (stream->writers != NULL) {
    SrIoWriter *writer = stream->writers;
    if ((!writer->is_awaited || writer->has_begun) && writer->sent < writer->size) {
      uv_buf_t buf = uv_buf_init(writer->bytes + writer->sent, 0);
      buf.len = writer->size - writer->sent;
      stream->transport->cls->write(stream->transport, &buf, 1);
    }
    end_writer(writer, UV_ECANCELED);
  }
}

static void free_list(SrIoWriter **list) {
  while (*list != NULL) {
    SrIoWriter *writer = *list;
    remove_from(list, writer);
    free(writer);
  }
}

void sr_io_writer_free(saros_stream *stream) {
  free_list(&stream->writers);
  free_list(&stream->done);
}
