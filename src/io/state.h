/* SPDX-License-Identifier: MIT */
/*
** A stream: bytes that have arrived and those that are to leave, over a transport.
**
** It reads from its first read on, at most a bounded number of bytes ahead, and sends whole messages in order. What a
** cancelled read had waited for stays in the buffer. A message of which nothing has left can be withdrawn; once some
** of it has left the write side is no longer of use, and is closed.
*/
#ifndef SR_IO_STATE_H
#define SR_IO_STATE_H

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
  struct SrIoContext *context;
  saros_transport *transport; /* NULL once closed */

  SrBuffer in;        /* what has arrived and was not taken */
  size_t usual;       /* how many of them were taken last */
  unsigned handed;    /* counts how often bytes were taken off it */
  SrIoFrame frame;    /* what the reader waits for */
  saros_wait reader;  /* its task is the one that reads */
  int end;            /* why nothing follows what is in `in`; 0: more may come */
  bool is_started;    /* the transport gives bytes */
  bool is_readable;   /* bytes have come, or the end, and the transport has left it to the reader to pull them */
  bool is_pulling;    /* that is under way */
  bool is_piped;      /* a task pipes it: nobody else may read */
  saros_wait *piped;  /* of that task while the target takes no more, or NULL */
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

/* A task waits for bytes, or nobody does any more: only awaited streams keep a run alive. */
void sr_io_stream_hold(saros_stream *stream);
/* Tells the watcher, if it wants to know. */
static inline void sr_io_stream_notify(saros_stream *stream, int events) {
  events &= stream->watched;
  if (events != 0) stream->on_event(stream->watcher, events);
}

#endif
