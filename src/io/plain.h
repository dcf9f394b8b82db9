/* SPDX-License-Identifier: MIT */
/*
** The transport at the bottom: a stream of libuv's, be it TCP, a Unix socket, a pipe or a terminal.
**
** A plain transport has its memory for itself: it lives from its making until the close callback of its handle, and
** whoever it belonged to has nothing more to do with it after `close`.
*/
#ifndef SR_IO_PLAIN_H
#define SR_IO_PLAIN_H

#include "io/object.h"

/* The size of the room that all share, and of a block for who reads in its own turn. */
enum { SR_IO_ROOM = 65536, SR_IO_BLOCK = 131072 };

/* What all streams of a Lua state share. */
typedef struct SrIoContext {
  saros_runtime *runtime;
  char *spare;           /* a block that nobody has, or NULL */
  char room[SR_IO_ROOM]; /* what the system gives to all others is read into it first */
} SrIoContext;

typedef struct SrIoPlain {
  saros_transport base;
  saros_resource resource; /* open from sr_io_plain_open to the closing */
  SrIoContext *context;
  uv_stream_t *stream;                  /* the handle: `own`, or one that was adopted */
  void (*release)(uv_stream_t *stream); /* frees one that was adopted */
  union {
    uv_shutdown_t shutdown;
    uv_connect_t connect; /* of who connects `own`: here it lives until the handle is closed */
  } request;
  bool is_reading;      /* the sink wants bytes */
  bool is_polled;       /* libuv has been told to read; it may be on when nothing is wanted */
  bool is_to_stop;      /* something has come already that was not wanted */
  bool can_pull;        /* a sink may read in its own turn */
  bool is_internal;     /* the other end is in this run, too: what comes does so because a task has done something */
  bool is_brief;        /* closing drops what is pending: its owner sees to it that nothing outlives the run */
  bool is_lingering;    /* closed, but what is pending has to leave first */
  uv_timer_t *patience; /* ends the lingering; NULL otherwise */
  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } own;
} SrIoPlain;

/* Makes the context of this state, or finds it. [-0, +0, m] */
SrIoContext *sr_io_context(lua_State *L);

/* A transport with a handle of its own of that type, UV_TCP or UV_NAMED_PIPE, initialised. NULL: see status. */
SrIoPlain *sr_io_plain_new(SrIoContext *context, uv_handle_type type, int *status);
/* A transport for somebody else's handle. NULL: no memory. */
SrIoPlain *sr_io_plain_adopt(SrIoContext *context, uv_stream_t *stream, void (*release)(uv_stream_t *stream));
/* The handle is connected: its resource is open from now on. [-0, +0, -] */
void sr_io_plain_open(lua_State *L, SrIoPlain *plain);
/* Closes one that has no sink, at once. */
void sr_io_plain_discard(SrIoPlain *plain);

#endif
