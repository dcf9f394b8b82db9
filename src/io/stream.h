/* SPDX-License-Identifier: MIT */
/*
** A stream: bytes that have arrived and those that are to leave, over a transport.
**
** It reads from its first read on, at most a bounded number of bytes ahead, and sends whole messages in order. What a
** cancelled read had waited for stays in the buffer. A message of which nothing has left can be withdrawn; once some
** of it has left the write side is no longer of use, and is closed.
*/
#ifndef SR_IO_STREAM_H
#define SR_IO_STREAM_H

#include "base/buffer.h"
#include "io/frame.h"
#include "io/object.h"

/* The writer of a stream whose message was cut off by a cancellation; beside the statuses of libuv and saros.h. */
enum { SR_IO_CUT_OFF = -20101, SR_IO_SHUT_DOWN = -20102 };

typedef enum SrIoTask {
  SR_IO_MESSAGE, /* bytes to be sent */
  SR_IO_FLUSH,   /* waits until little is left of what was written before */
  SR_IO_SHUTDOWN /* ends the write side */
} SrIoTask;

/* One in the queue of those that write. It belongs to the stream; the parked task sees it through its wait. */
typedef struct SrIoWriter {
  struct SrIoWriter *next, *prev;
  saros_stream *stream;
  saros_wait wait;
  SrIoTask task;
  bool has_begun;  /* the transport has some of it, or was told */
  bool has_ended;  /* it is not in line any more */
  bool is_awaited; /* a task is parked for it, or has not gone on yet */
  lua_KFunction k; /* of park_in */
  lua_KContext ctx;
  int status;  /* of one that is done */
  size_t size; /* of the message */
  size_t sent; /* so much of it the transport has taken */
  char bytes[];
} SrIoWriter;

/* The peer of a TCP connection, kept because the system forgets it with a reset. */
typedef union SrIoAddress {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} SrIoAddress;

struct saros_stream {
  const SrIoClass *cls;
  saros_transport *transport; /* NULL once closed */

  SrBuffer in;        /* what has arrived and was not taken */
  size_t usual;       /* how many of them were taken last */
  unsigned handed;    /* counts how often bytes were taken off it */
  SrIoFrame frame;    /* what the reader waits for */
  saros_wait reader;  /* its task is the one that reads */
  int end;            /* why nothing follows what is in `in`; 0: more may come */
  bool is_started;    /* the transport gives bytes */
  bool is_piped;      /* a task pipes it: nobody else may read */
  char *skipped;      /* the delimiter of a line that was too long and whose end has not come yet; or NULL */
  size_t skip_length; /* of it */

  SrIoWriter *writers; /* a ring, in order; the first may have begun */
  SrIoWriter *done;    /* a ring: those whose tasks have not gone on yet */
  size_t queued;       /* bytes of messages that the transport has not taken */
  int write_end;       /* why nothing can be written any more; 0: it can */

  int watched; /* SAROS_READABLE and so on */
  void (*on_event)(void *owner, int events);
  void *watcher;

  SrIoAddress peer; /* family 0: it is no TCP connection, or not connected */
  char *path;       /* of a Unix socket that was connected to, or NULL */
};

extern const SrIoClass sr_io_stream_class;

/* --- making it (stream.c) --- */

/* Pushes a stream that owns the transport. [-0, +1, m] */
saros_stream *sr_io_stream_open(lua_State *L, saros_transport *transport);
/* Its memory and its transport. */
void sr_io_stream_free(saros_stream *stream);
void sr_io_stream_close(saros_stream *stream, int at_once);
void sr_io_stream_stack(saros_stream *stream, saros_transport *above);
/* A task waits for bytes, or nobody does any more: only awaited streams keep a run alive. */
void sr_io_stream_hold(saros_stream *stream);
/* Tells the watcher, if it wants to know. */
void sr_io_stream_notify(saros_stream *stream, int events);
/* Pushes what stands for a status: a SystemError with the peer, ClosedError, ... [-0, +1, m] */
void sr_io_stream_push_error(lua_State *L, saros_stream *stream, const char *function, int status);

/* --- reading (reader.c) --- */

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
/* Takes bytes off the front. */
void sr_io_reader_consume(saros_stream *stream, size_t count);
/* Drops what remains of a line that is too long, whose delimiter this is; false: no memory. */
bool sr_io_reader_skip(saros_stream *stream, const SrIoFrame *frame);
/* Wakes it. */
void sr_io_reader_wake(saros_stream *stream);

/* --- writing (writer.c) --- */

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

/* --- the two faces --- */

extern const saros_stream_api sr_io_stream_api; /* stream_api.c */
/* Pushes host and port, or the path, of this side or of the peer; returns how many. [-0, +1|2, v] */
int sr_io_push_address(lua_State *L, saros_stream *stream, bool of_peer);
/* Pushes host and port of an address. [-0, +2, m] */
void sr_io_push_sockaddr(lua_State *L, const struct sockaddr *address);
/* stream:pipe_to(target [, options]) */
int sr_io_l_pipe_to(lua_State *L);
/* Registers the class; puts the API into the registry. [-0, +0, m] */
void sr_io_open(lua_State *L);
/* The methods that read, and those that write. */
extern const luaL_Reg sr_io_read_methods[], sr_io_write_methods[];

#endif
