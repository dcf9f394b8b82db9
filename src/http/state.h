/* SPDX-License-Identifier: MIT */
/*
** What belongs together while requests are under way: pools, transfers and uploads, which point at each other.
*/
#ifndef SR_HTTP_STATE_H
#define SR_HTTP_STATE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "http/api.h"
#include "http/backend.h"
#include "http/failure.h"
#include "http/request.h"
#include "http/slots.h"
#include "http/spare.h"
#include "wire/head.h"

typedef struct SrHttpPool SrHttpPool;
typedef struct SrHttpTransfer SrHttpTransfer;
typedef struct SrHttpUpload SrHttpUpload;

/*
** A pool: connections and limits of one session.
**
** It is a Lua userdata that lives as long as its session; what belongs to a loop
** (connections, sockets) is made at first use in a run and closed at its end.
*/
struct SrHttpPool {
  const SrHttpType *type;
  saros_resource resource; /* open while `attached` */
  saros_runtime *runtime;
  SrHttpTransfer *transfers; /* all that wait or run */
  SrHttpSlots slots;
  SrHttpSpares spares;
  const SrHttpBackend *backends[SR_HTTP_BACKENDS]; /* those that it has used */
  void *states[SR_HTTP_BACKENDS];                  /* what they keep for it, see there */
  double max_idle;                                 /* seconds for which an unused connection is kept, -1: not said */
  unsigned long long requests;                     /* started */
  unsigned long long connections;                  /* opened */
  unsigned long long reused;                       /* requests that needed no new connection */
  unsigned long long failed;                       /* requests that failed or were cut off */
  bool attached;                                   /* to the present run */
  bool named;                                      /* its resource is an explicit session of this run */
  bool closed;
};

/*
** An upload: the body of a request that a task gives piece by piece while it is sent.
**
** It is a Lua userdata, anchored by its transfer, which in turn is let go of when either ends.
*/
struct SrHttpUpload {
  const SrHttpType *type;
  saros_wait wait;          /* the task that gives the body */
  SrHttpTransfer *transfer; /* NULL before it begins and when it has no more use for bytes */
  SrBuffer bytes;           /* given and not yet sent */
  size_t written;           /* of the chunk that is being written */
  bool wanted;              /* bytes have been asked for at least once */
  bool ended;               /* all has been given */
  bool starved;             /* sending stands still until there is more */
  bool over;                /* nobody wants any more bytes */
};

/* A head that is no larger takes no memory of its own. malloc keeps blocks at hand that are of 1 KiB at the most. */
enum { SR_HTTP_SMALL_HEAD = 320 };

/* What the task that is parked on a transfer waits for. */
typedef enum SrHttpAwaited {
  SR_HTTP_AWAITS_NOTHING, /* nobody is parked */
  SR_HTTP_AWAITS_SLOT,    /* a place in the pool */
  SR_HTTP_AWAITS_HEAD,    /* the head of the response */
  SR_HTTP_AWAITS_DATA,    /* some bytes of the body */
  SR_HTTP_AWAITS_END      /* all of them */
} SrHttpAwaited;

/* What has become of the body of a response in Lua's hands. */
typedef enum SrHttpReading {
  SR_HTTP_UNREAD,
  SR_HTTP_IN_PIECES, /* it is read piece by piece */
  SR_HTTP_WHOLE      /* it has been asked for as a whole, and is kept */
} SrHttpReading;

/* How far a transfer has come. */
typedef enum SrHttpPhase {
  SR_HTTP_NEW,        /* not begun */
  SR_HTTP_QUEUED,     /* waits for its slot, or has it and its task has still to hear of that */
  SR_HTTP_CONNECTING, /* its backend has it, and it is not connected */
  SR_HTTP_SENDING,    /* connected: the request leaves, and the head is awaited */
  SR_HTTP_RECEIVING,  /* the head of the final response is there, and the body comes */
  SR_HTTP_FAILED,     /* ended without a head */
  SR_HTTP_ENDED       /* ended with a head, if not with all of the body */
} SrHttpPhase;

/*
** A transfer: one request and its response, from the pool's line to the last byte.
**
** It is a Lua userdata, and once the head is there users have it as the Response, see response.h. Its task, its backend
** and the loop point at it; all of them are let go of in sr_http_transfer_end, which is synchronous. So the collector owns
** the memory alone, and finalising a transfer is ending it.
*/
struct SrHttpTransfer {
  const SrHttpType *type;
  saros_wait wait;         /* the task that is parked here */
  saros_timer timer;       /* the nearest of the deadlines */
  saros_resource resource; /* open while the response is in Lua's hands and holds a slot */
  SrHttpSlot slot;
  SrHttpPool *pool;             /* anchored by the request; NULL if it was received elsewhere, as is the request */
  const SrHttpRequest *request; /* anchored by the userdata */
  int (*deliver)(lua_State *L, SrHttpTransfer *transfer); /* gives its outcome to who has sent it */
  const SrHttpBackend *backend;
  void *carrier;               /* the backend's, while it has the transfer, else NULL */
  SrHttpUpload *upload;        /* gives the body while it is wanted, else NULL; anchored by the userdata */
  SrHttpTransfer *prev, *next; /* in the pool's list, while it is open */
  SrHttpPhase phase;
  SrHttpAwaited awaited;
  SrHttpReading reading;
  bool has_fields;                      /* the Response has some of its own */
  bool is_asking;                       /* its failure stands for now: the backend asks what the reason was */
  bool paused;                          /* nothing is read, or it is held back: the buffer is full */
  bool unbounded;                       /* the reader wants all: no pausing */
  bool decode_failed;                   /* decoding the body has failed, or it is of no more use */
  unsigned sends;                       /* how often the request went out */
  unsigned handed;                      /* counts what was taken from `body`, or dropped */
  int64_t received;                     /* bytes of the body so far, as they came */
  int64_t decoded;                      /* and as they were read, if coded */
  double total_at, pool_at, connect_at; /* deadlines on the runtime's clock */
  double backend_at;                    /* when the backend is to be called; HUGE_VAL: never */
  double launched;                      /* when it got its slot */
  double started, head_at;              /* when the first hop began, when the head was there */
  double last_byte;                     /* when the latest byte came or left; kept for limits.read only */
  SrWireHead head;
  SrBuffer lines;         /* of the head: the status line and the header lines, unless they fit into small_head */
  SrBuffer body;          /* bytes nobody has read yet */
  SrWireDecoder *decoder; /* NULL until the first read of a coded body */
  SrHttpFailure failure;
  unsigned small_length;               /* of what is in small_head */
  char small_head[SR_HTTP_SMALL_HEAD]; /* last, as it need not be zeroed */
};

/* Whether it waits or runs: sr_http_transfer_end has work to do. */
static inline bool sr_http_is_open(const SrHttpTransfer *transfer) {
  return transfer->phase > SR_HTTP_NEW && transfer->phase < SR_HTTP_FAILED;
}

/* Whether the head of the final response has come. */
static inline bool sr_http_has_head(const SrHttpTransfer *transfer) {
  return transfer->phase == SR_HTTP_RECEIVING || transfer->phase == SR_HTTP_ENDED;
}

/* Whether the body has to be decoded, by who reads it. */
static inline bool sr_http_is_coded(const SrHttpTransfer *transfer) {
  return sr_wire_codings_any(&transfer->head.codings);
}

/* Whether the server waits for bytes of the upload that our side has not given yet. */
static inline bool sr_http_awaits_upload(const SrHttpTransfer *transfer) {
  return transfer->upload != NULL && transfer->upload->starved && !sr_http_has_head(transfer);
}

#endif
