/* SPDX-License-Identifier: MIT */
/* A stream over its transport: made, closed, and what its statuses are called. */
#ifndef SR_IO_STREAM_H
#define SR_IO_STREAM_H

#include "io/reader.h"
#include "io/writer.h"

extern const SrIoClass sr_io_stream_class;

/* Pushes a stream that owns the transport. [-0, +1, m] */
saros_stream *sr_io_stream_open(lua_State *L, saros_transport *transport);
/* Its memory and its transport. */
void sr_io_stream_free(saros_stream *stream);
void sr_io_stream_close(saros_stream *stream, int at_once);
void sr_io_stream_stack(saros_stream *stream, saros_transport *above);
/* Pushes what stands for a status: a SystemError with the peer, ClosedError, ... [-0, +1, m] */
void sr_io_stream_push_error(lua_State *L, saros_stream *stream, const char *function, int status);

#endif
