/* SPDX-License-Identifier: MIT */
/* How a stream reads, see reader.h. */
#include <stdlib.h>
#include <string.h>

#include "io/failure.h"
#include "io/plain.h"
#include "io/reader.h"

enum {
  READ_AHEAD = 131072,  /* so many bytes wait unread at most, beside what one reader wants and one room holds */
  DIRECT_LEAST = 4096,  /* whoever misses as much gets it into the buffer without a stop in the common room */
  DIRECT_MOST = 262144, /* and so much at once */
  IDLE_CAPACITY = 512   /* what an empty buffer may keep: thousands of streams are idle */
};

/* --- what arrives ------------------------------------------------------------ */

static void stop(saros_stream *stream) {
  if (!stream->is_started || stream->transport == NULL) return;
  stream->is_started = false;
  stream->transport->cls->stop(stream->transport);
}

/* Drops what belongs to a line that was too long. */
static void drop_skipped(saros_stream *stream) {
  size_t size = sr_buffer_length(&stream->in), from = 0;
  size_t at = sr_io_find(sr_buffer_front(&stream->in), size, stream->skipped, stream->skip_length, &from);
  sr_buffer_take(&stream->in, at < size ? at + stream->skip_length : from);
  if (at == size) return;
  free(stream->skipped);
  stream->skipped = NULL;
}

void sr_io_reader_wake(saros_stream *stream) {
  if (stream->reader.task == NULL) return;
  sr_io_saros->wake(&stream->reader);
  sr_io_stream_hold(stream);
}

/* Nobody is shown what remains of a line that was too long: it may be the beginning of its delimiter. */
static SrIoFound find(saros_stream *stream, SrIoFrame *frame) {
  return stream->skipped == NULL ? sr_io_frame_find(frame, &stream->in) : SR_IO_NOT_YET;
}

/* Something has arrived. */
static void look(saros_stream *stream) {
  bool is_awaited = stream->reader.task != NULL;
  if (stream->skipped != NULL) drop_skipped(stream);
  if (is_awaited && find(stream, &stream->frame) != SR_IO_NOT_YET) {
    sr_io_reader_wake(stream);
    is_awaited = false;
  }
  if (!is_awaited && !stream->is_pulling && sr_buffer_length(&stream->in) >= READ_AHEAD) stop(stream);
  if (sr_io_reader_count(stream) > 0) sr_io_stream_notify(stream, SAROS_READABLE);
}

/* How much is worth being read into the buffer, by what the reader misses or by what readers took before; 0: nothing. */
static size_t direct_size(const saros_stream *stream) {
  if (stream->skipped != NULL) return 0;
  size_t size = stream->reader.task != NULL ? sr_io_frame_missing(&stream->frame, &stream->in) : 0;
  if (size < DIRECT_LEAST) size = stream->usual >= DIRECT_LEAST ? stream->usual + stream->usual / 2 : 0;
  return size < DIRECT_MOST ? size : DIRECT_MOST;
}

/*
** Who reads in its own turn does so into a block that all share, of which it makes its buffer, mostly for a moment: it
** is still in the cache of the processor, and nothing is copied.
*/
static void borrow_block(saros_stream *stream) {
  SrIoContext *context = stream->context;
  if (sr_buffer_length(&stream->in) > 0 || stream->in.capacity >= SR_IO_BLOCK) return;
  char *block = context->spare != NULL ? context->spare : (char *)malloc(SR_IO_BLOCK);
  if (block == NULL) return;
  context->spare = NULL;
  sr_buffer_free(&stream->in);
  stream->in = (SrBuffer){.data = block, .capacity = SR_IO_BLOCK};
}

/* Gives the memory of the buffer back, of which nobody wants anything any more. */
static void free_buffer(saros_stream *stream) {
  SrIoContext *context = stream->context;
  if (stream->in.capacity == SR_IO_BLOCK && context->spare == NULL) {
    context->spare = stream->in.data;
    stream->in = (SrBuffer){0};
  }
  sr_buffer_free(&stream->in);
}

/* What is left of a block is moved out of it if that is little, or as long as it is not read it would keep all of it. */
static void leave_block(saros_stream *stream) {
  SrBuffer small = {0};
  if (!sr_buffer_append(&small, sr_buffer_front(&stream->in), sr_buffer_length(&stream->in))) return;
  free_buffer(stream);
  stream->in = small;
}

void sr_io_reader_room(saros_stream *stream, uv_buf_t *room) {
  size_t size = direct_size(stream);
  if (stream->is_pulling) {
    borrow_block(stream);
    size = stream->in.capacity - stream->in.size;
  }
  if (size == 0 || !sr_buffer_reserve(&stream->in, size)) return;
  room->base = stream->in.data + stream->in.size;
  room->len = size;
}

void sr_io_reader_take(saros_stream *stream, const char *bytes, size_t count) {
  SrBuffer *in = &stream->in;
  stream->is_readable = false; /* the loop was faster than the reader */
  if (in->data != NULL && bytes == in->data + in->size && count <= in->capacity - in->size)
    in->size += count;
  else if (!sr_buffer_append(in, bytes, count)) {
    sr_io_reader_end(stream, UV_ENOMEM);
    return;
  }
  look(stream);
}

bool sr_io_reader_readable(saros_stream *stream) {
  bool takes_any = stream->reader.task != NULL && stream->frame.want == SR_IO_SOME;
  if (!takes_any || stream->skipped != NULL || sr_buffer_length(&stream->in) > 0) return false;
  stream->is_readable = true;
  sr_io_reader_wake(stream);
  return true;
}

void sr_io_reader_pull(saros_stream *stream) {
  stream->is_readable = false;
  if (stream->transport == NULL || !stream->is_started) return;
  stream->is_pulling = true;
  stream->transport->cls->pull(stream->transport);
  stream->is_pulling = false;
  if (sr_buffer_length(&stream->in) == 0 && stream->in.capacity > IDLE_CAPACITY) free_buffer(stream);
}

void sr_io_reader_end(saros_stream *stream, int status) {
  if (stream->end != 0) return;
  /* The system tells of a reset once: if a writer has heard of it already, the reader sees an orderly end. */
  if (status == UV_EOF && stream->write_end == UV_ECONNRESET) status = UV_ECONNRESET;
  stop(stream);
  stream->end = status;
  if (stream->skipped != NULL) {
    sr_buffer_clear(&stream->in);
    free(stream->skipped);
    stream->skipped = NULL;
  }
  sr_io_reader_wake(stream);
  sr_io_stream_notify(stream, SAROS_READABLE);
}

/* --- asking for it ------------------------------------------------------------ */

void sr_io_reader_start(saros_stream *stream) {
  if (stream->is_started || stream->end != 0 || stream->transport == NULL) return;
  stream->is_started = true; /* before: the transport may have bytes at hand */
  int status = stream->transport->cls->start(stream->transport);
  if (status != 0) sr_io_reader_end(stream, status);
}

/* A transport that has much at hand may fill the read-ahead, and be stopped, while it is being started. */
bool sr_io_reader_is_ready(saros_stream *stream, SrIoFrame *frame, SrIoFound *found) {
  for (;;) {
    if (stream->is_readable) sr_io_reader_pull(stream);
    *found = find(stream, frame);
    if (*found != SR_IO_NOT_YET || stream->end != 0 || stream->transport == NULL) return true;
    if (stream->is_started) return false;
    sr_io_reader_start(stream);
  }
}

int sr_io_reader_busy(lua_State *L) {
  return sr_io_raise_busy(L, "another task reads this stream");
}

static int abort_read(saros_wait *wait) {
  sr_io_stream_hold(SR_IO_CONTAINER(wait, saros_stream, reader));
  return 1;
}

static const saros_kind read_kind = {"bytes of a stream", abort_read};

int sr_io_reader_park(lua_State *L, saros_stream *stream, const SrIoFrame *frame, lua_KFunction k, lua_KContext ctx) {
  stream->frame = *frame;
  stream->transport->cls->hold(stream->transport, 1);
  return sr_io_saros->park(L, &stream->reader, &read_kind, k, ctx);
}

void sr_io_reader_consume(saros_stream *stream, size_t count) {
  size_t size = sr_buffer_length(&stream->in);
  stream->handed++;
  stream->usual = count;
  sr_buffer_take(&stream->in, count < size ? count : size);
  if (stream->in.capacity <= IDLE_CAPACITY) return;
  size_t left = sr_buffer_length(&stream->in);
  if (left == 0)
    free_buffer(stream);
  else if (stream->in.capacity == SR_IO_BLOCK && left < SR_IO_BLOCK / 4)
    leave_block(stream);
}

bool sr_io_reader_skip(saros_stream *stream, const SrIoFrame *frame) {
  char *delimiter = (char *)malloc(frame->length);
  if (delimiter == NULL) return false;
  memcpy(delimiter, frame->delimiter, frame->length);
  stream->skipped = delimiter;
  stream->skip_length = frame->length;
  stream->handed++;
  drop_skipped(stream);
  return true;
}
