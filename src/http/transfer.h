/* SPDX-License-Identifier: MIT */
/*
** A transfer: one request and its answer, from the pool's line to the last byte.
**
** It is a Lua userdata. Its task, libcurl and the loop point at it; all of them are
** let go of in sr_transfer_end, which is synchronous: libcurl is done with a handle
** when it has been removed. So the collector owns the memory alone, and finalising
** a transfer is ending it.
*/
#ifndef SR_HTTP_TRANSFER_H
#define SR_HTTP_TRANSFER_H

#include "base/buffer.h"
#include "http/chunks.h"
#include "http/failure.h"
#include "http/head.h"
#include "http/lookup.h"
#include "http/pool.h"
#include "http/upload.h"

/* What the task that is parked on a transfer waits for. */
typedef enum SrAwaited {
  SR_AWAITS_NOTHING, /* nobody is parked */
  SR_AWAITS_SLOT,    /* a place in the pool */
  SR_AWAITS_HEAD,    /* the head of the answer */
  SR_AWAITS_DATA,    /* some bytes of the body */
  SR_AWAITS_END      /* all of them */
} SrAwaited;

typedef struct SrTransfer {
  saros_wait wait;         /* the task that is parked here */
  saros_timer timer;       /* the nearest of the deadlines */
  saros_resource resource; /* open while the response is in Lua's hands and holds a slot */
  SrSlot slot;
  SrPool *pool;
  const SrPlan *plan;             /* anchored by the userdata */
  SrChannel *channel;             /* while under way, else NULL */
  SrLookup *lookup;               /* of a name that was not found, else NULL */
  SrUpload *upload;               /* gives the body while it is wanted, else NULL; anchored by the userdata */
  struct SrTransfer *prev, *next; /* in the pool's list, while `open` */
  SrAwaited awaited;
  unsigned char open;                   /* waits or runs: sr_transfer_end has work to do */
  unsigned char connected;              /* and the request is leaving */
  unsigned char digest;                 /* a 401 is answered by libcurl, once */
  unsigned char head_done;              /* the head of the final answer is there */
  unsigned char coded;                  /* the body has to be decoded, by who reads it */
  unsigned char undone;                 /* decoding it has failed */
  unsigned char early;                  /* answered, or deserted, before the request's end: the timer stops that */
  unsigned char deaf;                   /* libcurl does not read: it has paused, or the answer has ended */
  unsigned char paused;                 /* libcurl reads no more, or holds back: the buffer is full */
  unsigned char unbounded;              /* the reader wants all: no pausing */
  unsigned sends;                       /* how often the request went out */
  unsigned handed;                      /* counts what was taken from `body`, or dropped */
  curl_off_t received;                  /* bytes of the body so far, as they came */
  curl_off_t decoded;                   /* and as they were read, if coded */
  curl_off_t sent;                      /* bytes of the request's body, as on_progress saw it */
  double total_at, pool_at, connect_at; /* deadlines on the runtime's clock */
  double nudge_at;                      /* while connecting: when libcurl is run next; with `lookup`: its end */
  double started, head_at;              /* when the exchange began, when the head was there */
  double last_byte;                     /* when the latest byte came or left; kept for limits.read only */
  SrHead head;
  SrChunks chunks;    /* of a chunked answer */
  SrBuffer body;      /* bytes nobody has read yet */
  SrDecoder *decoder; /* NULL until the first read of a coded body */
  SrFailure failure;
} SrTransfer;

#define SR_TRANSFER_TYPE "saros.http.transfer"

extern const SrHooks sr_transfer_hooks;
extern const SrReports sr_transfer_reports;

/* The server waits for bytes that our side has not given yet. */
static inline int sr_transfer_is_starved(const SrTransfer *transfer) {
  return transfer->upload != NULL && transfer->upload->starved && !transfer->head_done;
}

/* The transfer begins: it is the pool's and its deadlines run. */
void sr_transfer_begin(SrTransfer *transfer, SrPool *pool);

/* It has its slot and a loaded channel: sends the request. It may have ended when this returns. */
void sr_transfer_launch(SrTransfer *transfer, SrChannel *channel);

/* Sets the timer to the nearest deadline of the present phase. */
void sr_transfer_arm(SrTransfer *transfer);

/* Bytes have been taken from the body, or all are wanted: goes on if it had paused. */
void sr_transfer_resume(SrTransfer *transfer);

/* Its starved upload has bytes again, or has ended. The transfer may have ended when this returns. */
void sr_transfer_feed(SrTransfer *transfer);

/*
** The end, whoever brings it about: timer, channel and slot are given back and the task is woken.
** Idempotent; cuts off what is under way.
*/
void sr_transfer_end(SrTransfer *transfer);

/* Fails and ends. */
void sr_transfer_fail(SrTransfer *transfer, const char *name, const char *code, const char *message);

/* Of every await on a transfer: cancelling it, in whatever phase, ends the request and frees its slot at once. */
int sr_transfer_abort(saros_wait *wait);

/* For hooks, which are called from inside libcurl and may not end a transfer. */

/* Whether some of the request is still to leave. */
int sr_transfer_is_sending(const SrTransfer *transfer);

/* The task goes on if it waits for this. */
void sr_transfer_wake(SrTransfer *transfer, SrAwaited awaited);

/* As sr_transfer_arm. False: no memory. */
int sr_transfer_try_arm(SrTransfer *transfer);

/* A byte has come or gone: the read timeout begins anew. */
void sr_transfer_touch(SrTransfer *transfer);

/* The answer is there: what comes now is its body. */
void sr_transfer_finish_head(SrTransfer *transfer);

/*
** Whatever the answer is, libcurl goes on sending until the end, or pauses for good. Nothing of it may
** be called from its callbacks, so the timer does the rest.
*/
void sr_transfer_look_for_early_end(SrTransfer *transfer);

/* A slot has been granted to the transfer that contains it. */
void sr_transfer_granted(SrSlot *slot);

#endif
