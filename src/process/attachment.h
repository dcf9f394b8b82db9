/* SPDX-License-Identifier: MIT */
/*
** A descriptor as a transport of a stream: what it is, on the loop and off it, and how its sink is told. What is done
** with it is in transport.c, and in piece.c for files.
**
** The transport of a standard stream outlives runs: it is put on a loop when it is first used there, and what it has
** brought and nobody has read is still there in the next run. Between runs nothing of it is on any loop, and the
** descriptor is as it was found.
*/
#ifndef SR_PROCESS_ATTACHMENT_H
#define SR_PROCESS_ATTACHMENT_H

#include "base/buffer.h"
#include "process/process.h"

/* On a loop there is one of these, whose memory goes with its closing. Of what cannot be polled it is idle. */
typedef union SrProcessHandle {
  uv_handle_t any;
  uv_poll_t poll;
  uv_idle_t idle;
} SrProcessHandle;

/* One piece that is being read of a file. It belongs to libuv, too, while that works on it. */
typedef struct SrProcessPiece {
  uv_fs_t request;
  struct SrProcessTransport *owner; /* NULL: nobody wants it any more */
  bool is_busy;                     /* it is libuv's */
  bool is_full;                     /* it has come, `result` says what, and nobody has had it */
  ptrdiff_t result;
  char bytes[65536];
} SrProcessPiece;

typedef struct SrProcessTransport {
  saros_transport base;
  saros_resource resource; /* open while it is attached */
  SrProcessContext *context;
  SrDescriptor descriptor;
  int standard;            /* 0, 1 or 2: which of the standard streams it is; -1: none */
  SrProcessHandle *handle; /* NULL: not attached */
  int events;              /* for which it is polled */
  SrProcessPiece *piece;   /* of a file, once it has been read */
  SrBuffer out;            /* what the system did not take */
  bool is_reading;
  bool is_awaited;    /* a task waits for bytes */
  bool is_ending;     /* the write side is to be shut down once `out` is empty */
  bool has_ended;     /* one of its two sides, which is all that a pipe has, is done: it is closed */
  bool is_write_shut; /* nothing is written any more */
  bool is_lingering;  /* closed, but what is in `out` has to leave first */
  bool *is_gone;      /* to be set by who frees it while its sink is called; else NULL */
} SrProcessTransport;

/* A new one, not attached. NULL: no memory. `standard`: which of the standard streams it is, or -1. */
SrProcessTransport *sr_process_new_transport(SrProcessContext *context, int standard);
/* Puts it on the loop of the present run, if it is not there yet. 0 or a status. [-0, +0, -] */
int sr_process_attach(SrProcessTransport *transport);
/* Takes it off the loop. */
void sr_process_detach(SrProcessTransport *transport);
/* The same for good: a pipe is closed. */
void sr_process_end(SrProcessTransport *transport);
/* The same, and frees it. */
void sr_process_finish(SrProcessTransport *transport);
/* A deadlock is one only if nobody waits for it and nothing is left to be sent. */
void sr_process_hold(SrProcessTransport *transport);

/* Gives bytes to its sink, which may close it: false then, and it is gone. */
bool sr_process_tell_read(SrProcessTransport *transport, const char *bytes, size_t count);
/* Nothing comes any more, for that reason. It may be gone afterwards. */
void sr_process_tell_end(SrProcessTransport *transport, int status);

#endif
