/* SPDX-License-Identifier: MIT */
/* How a stream writes. */
#ifndef SR_IO_WRITER_H
#define SR_IO_WRITER_H

#include "io/state.h"

/*
** Sends a message. 0, or why not. If `*blocked` is not NULL on return its task has to wait: park it with
** sr_io_writer_park; if `blocked` is NULL nobody will.
*/
int sr_io_writer_send(saros_stream *stream, const uv_buf_t *bufs, unsigned count, SrIoWriter **blocked);
/* Ends the write side. NULL: that is done, or cannot be done for the reason in `*status`; else see send. */
SrIoWriter *sr_io_writer_shutdown(saros_stream *stream, int *status);
/* Waits until little is left of what was written before. NULL: so it is, or see `*status`. */
SrIoWriter *sr_io_writer_await(saros_stream *stream, int *status);
/* Parks the task, whose context is the writer; the value of the stream has to be on its stack. [-0, +0, v] */
int sr_io_writer_park(lua_State *L, SrIoWriter *writer, lua_KFunction k);
/* The first thing that the continuation does: gives the status of the writer, which is not to be touched any more. */
int sr_io_writer_finish(SrIoWriter *writer);
/* Parks the task with a context of its own, and sees to the writer itself. [-0, +0, v] */
int sr_io_writer_park_in(lua_State *L, SrIoWriter *writer, lua_KFunction k, lua_KContext ctx);
bool sr_io_writer_is_full(const saros_stream *stream);
/* What the transport tells. */
void sr_io_writer_drain(saros_stream *stream, int status);
void sr_io_writer_shut(saros_stream *stream, int status);
/* Ends all that wait with this status, and every later write. */
void sr_io_writer_fail(saros_stream *stream, int status);
/* Hands to the transport, as far as it takes it, what nobody waits for; the stream is being closed. */
void sr_io_writer_flush(saros_stream *stream);
void sr_io_writer_free(saros_stream *stream);

#endif
