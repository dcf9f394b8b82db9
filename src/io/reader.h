/* SPDX-License-Identifier: MIT */
/* How a stream reads. */
#ifndef SR_IO_READER_H
#define SR_IO_READER_H

#include "io/state.h"

/* What the transport tells. */
void sr_io_reader_room(saros_stream *stream, uv_buf_t *room);
void sr_io_reader_take(saros_stream *stream, const char *bytes, size_t count);
void sr_io_reader_end(saros_stream *stream, int status);
/* Has the transport give bytes until the read-ahead is full. */
void sr_io_reader_start(saros_stream *stream);
/* Whether `frame` can be answered now, by bytes or by the end; asks the transport for more if it cannot. */
bool sr_io_reader_is_ready(saros_stream *stream, SrIoFrame *frame, SrIoFound *found);
/* Parks the reader for what `frame` wants. Nobody reads. [-0, +0, v] */
int sr_io_reader_park(lua_State *L, saros_stream *stream, const SrIoFrame *frame, lua_KFunction k, lua_KContext ctx);
/* Raises a BusyError if somebody else reads. [-0, +0, v] */
void sr_io_reader_check(lua_State *L, const saros_stream *stream);
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
