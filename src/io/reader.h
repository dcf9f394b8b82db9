/* SPDX-License-Identifier: MIT */
/* How a stream reads. */
#ifndef SR_IO_READER_H
#define SR_IO_READER_H

#include "io/state.h"

/* What the transport tells. */
void sr_io_reader_room(saros_stream *stream, uv_buf_t *room);
void sr_io_reader_take(saros_stream *stream, const char *bytes, size_t count);
void sr_io_reader_end(saros_stream *stream, int status);
/* Whether the reader pulls what has come itself: it is woken then. */
bool sr_io_reader_readable(saros_stream *stream);
/* Pulls it. */
void sr_io_reader_pull(saros_stream *stream);
/* Has the transport give bytes until the read-ahead is full. */
void sr_io_reader_start(saros_stream *stream);
/* Whether `frame` can be answered now, by bytes or by the end; asks the transport for more if it cannot. */
bool sr_io_reader_is_ready(saros_stream *stream, SrIoFrame *frame, SrIoFound *found);
/* Whether nothing is there, but may come any time: whoever wants at least one byte has to wait. */
static inline bool sr_io_reader_is_dry(const saros_stream *stream) {
  return stream->is_started && stream->end == 0 && sr_buffer_length(&stream->in) == 0 && !stream->is_readable;
}
/* Parks the reader for what `frame` wants. Nobody reads. [-0, +0, v] */
int sr_io_reader_park(lua_State *L, saros_stream *stream, const SrIoFrame *frame, lua_KFunction k, lua_KContext ctx);
/* Raises a BusyError. [-0, +0, v] */
int sr_io_reader_busy(lua_State *L);
/* The same, if somebody else reads. [-0, +0, v] */
static inline void sr_io_reader_check(lua_State *L, const saros_stream *stream) {
  if (stream->reader.task != NULL || stream->is_piped) sr_io_reader_busy(L);
}
/* How many bytes are there for who reads: none of a line that was too long, which may be the beginning of its end. */
static inline size_t sr_io_reader_count(const saros_stream *stream) {
  return stream->skipped == NULL ? sr_buffer_length(&stream->in) : 0;
}
/* Takes bytes off the front. */
void sr_io_reader_consume(saros_stream *stream, size_t count);
/* Drops what remains of a line that is too long, whose delimiter this is; false: no memory. */
bool sr_io_reader_skip(saros_stream *stream, const SrIoFrame *frame);
/* Wakes it. */
void sr_io_reader_wake(saros_stream *stream);

#endif
