/* SPDX-License-Identifier: MIT */
/*
** A transfer: one request and its response, from the pool's line to the last byte.
**
** It is a Lua userdata. Its task, libcurl and the loop point at it; all of them are
** let go of in sr_http_transfer_end, which is synchronous: libcurl is done with a handle
** when it has been removed. So the collector owns the memory alone, and finalising
** a transfer is ending it.
*/
#ifndef SR_HTTP_TRANSFER_H
#define SR_HTTP_TRANSFER_H

#include <stdbool.h>
#include "base/buffer.h"
#include "wire/chunks.h"
#include "http/failure.h"
#include "wire/head.h"
#include "http/lookup.h"
#include "http/pool.h"
#include "http/upload.h"

/* What the task that is parked on a transfer waits for. */
typedef enum SrHttpAwaited {
  SR_HTTP_AWAITS_NOTHING, /* nobody is parked */
  SR_HTTP_AWAITS_SLOT,    /* a place in the pool */
  SR_HTTP_AWAITS_HEAD,    /* the head of the response */
  SR_HTTP_AWAITS_DATA,    /* some bytes of the body */
  SR_HTTP_AWAITS_END      /* all of them */
} SrHttpAwaited;

typedef struct SrHttpTransfer {
  saros_wait wait;         /* the task that is parked here */
  saros_timer timer;       /* the nearest of the deadlines */
  saros_resource resource; /* open while the response is in Lua's hands and holds a slot */
  SrHttpSlot slot;
  SrHttpPool *pool;
  const SrHttpRequest *request;       /* anchored by the userdata */
  SrHttpEasy *easy;                   /* while under way, else NULL */
  SrHttpLookup *lookup;               /* of a name that was not found, else NULL */
  SrHttpUpload *upload;               /* gives the body while it is wanted, else NULL; anchored by the userdata */
  struct SrHttpTransfer *prev, *next; /* in the pool's list, while `open` */
  SrHttpAwaited awaited;
  bool open;                            /* waits or runs: sr_http_transfer_end has work to do */
  bool connected;                       /* and the request is leaving */
  bool digest;                          /* a 401 is answered by libcurl, once */
  bool head_done;                       /* the head of the final response is there */
  bool coded;                           /* the body has to be decoded, by who reads it */
  bool decode_failed;                   /* decoding it has failed */
  bool early;                           /* answered, or abandoned, before the request's end: the timer stops that */
  bool not_reading;                     /* libcurl does not read: it has paused, or the response has ended */
  bool paused;                          /* libcurl reads no more, or holds back: the buffer is full */
  bool unbounded;                       /* the reader wants all: no pausing */
  unsigned sends;                       /* how often the request went out */
  unsigned handed;                      /* counts what was taken from `body`, or dropped */
  curl_off_t received;                  /* bytes of the body so far, as they came */
  curl_off_t decoded;                   /* and as they were read, if coded */
  curl_off_t sent;                      /* bytes of the request's body, as on_progress saw it */
  double total_at, pool_at, connect_at; /* deadlines on the runtime's clock */
  double nudge_at;                      /* while connecting: when libcurl is run next; with `lookup`: its end */
  double started, head_at;              /* when the exchange began, when the head was there */
  double last_byte;                     /* when the latest byte came or left; kept for limits.read only */
  SrWireHead head;
  SrBuffer lines;         /* of the head: the status line and the header lines */
  bool within_line;       /* a piece of a line of the head has come that did not end it */
  SrWireChunks chunks;    /* of a chunked response */
  SrBuffer body;          /* bytes nobody has read yet */
  SrWireDecoder *decoder; /* NULL until the first read of a coded body */
  SrHttpFailure failure;
} SrHttpTransfer;

#define SR_HTTP_TRANSFER_TYPE "saros.http.transfer"

extern const SrHttpHooks sr_http_transfer_hooks;
extern const SrHttpReports sr_http_transfer_reports;

/* The server waits for bytes that our side has not given yet. */
static inline bool sr_http_transfer_is_starved(const SrHttpTransfer *transfer) {
  return transfer->upload != NULL && transfer->upload->starved && !transfer->head_done;
}

/* The transfer begins: it is the pool's and its deadlines run. */
void sr_http_transfer_begin(SrHttpTransfer *transfer, SrHttpPool *pool);

/* It has its slot and a loaded easy handle: sends the request. It may have ended when this returns. */
void sr_http_transfer_launch(SrHttpTransfer *transfer, SrHttpEasy *easy);

/* Sets the timer to the nearest deadline of the present phase. */
void sr_http_transfer_arm(SrHttpTransfer *transfer);

/* Bytes have been taken from the body, or all are wanted: goes on if it had paused. */
void sr_http_transfer_resume(SrHttpTransfer *transfer);

/* Its starved upload has bytes again, or has ended. The transfer may have ended when this returns. */
void sr_http_transfer_feed(SrHttpTransfer *transfer);

/*
** The end, whoever brings it about: timer, easy handle and slot are given back and the task is woken.
** Idempotent; cuts off what is under way.
*/
void sr_http_transfer_end(SrHttpTransfer *transfer);

/* Fails and ends. */
void sr_http_transfer_fail(SrHttpTransfer *transfer, const char *name, const char *code, const char *message);

/* Of every await on a transfer: cancelling it, in whatever phase, ends the request and frees its slot at once. */
int sr_http_transfer_abort(saros_wait *wait);

/* For hooks, which are called from inside libcurl and may not end a transfer. */

/* Whether some of the request is still to leave. */
bool sr_http_transfer_is_sending(const SrHttpTransfer *transfer);

/* The task goes on if it waits for this. */
void sr_http_transfer_wake(SrHttpTransfer *transfer, SrHttpAwaited awaited);

/* As sr_http_transfer_arm. False: no memory. */
bool sr_http_transfer_try_arm(SrHttpTransfer *transfer);

/* A byte has come or gone: the read timeout begins anew. */
void sr_http_transfer_touch(SrHttpTransfer *transfer);

/* The response is there: what comes now is its body. */
void sr_http_transfer_finish_head(SrHttpTransfer *transfer);

/*
** Whatever the response is, libcurl goes on sending until the end, or pauses for good. Nothing of it may
** be called from its callbacks, so the timer does the rest.
*/
void sr_http_transfer_look_for_early_end(SrHttpTransfer *transfer);

/* A slot has been granted to the transfer that contains it. */
void sr_http_transfer_granted(SrHttpSlot *slot);

#endif
