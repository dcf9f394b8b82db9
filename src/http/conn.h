/* SPDX-License-Identifier: MIT */
/*
** A connection of HTTP/1.1: it carries one exchange after another over a transport, which it owns.
**
** It belongs to its pool, which has those that idle in a list (idle.h), or to the transfer that it carries. Everything
** here runs in callbacks of the loop too: C only.
*/
#ifndef SR_HTTP_CONN_H
#define SR_HTTP_CONN_H

#include "http/dial.h"
#include "http/state.h"
#include "wire/body.h"

typedef enum SrHttpStage {
  SR_HTTP_DIALS,   /* there is no transport yet */
  SR_HTTP_TUNNELS, /* a proxy has been asked to CONNECT */
  SR_HTTP_SHAKES,  /* the handshake of TLS goes on */
  SR_HTTP_CARRIES, /* the exchange itself */
  SR_HTTP_IDLES
} SrHttpStage;

typedef struct SrHttpConn SrHttpConn;
struct SrHttpConn {
  SrHttpPool *pool;
  SrHttpTransfer *transfer;   /* that it carries; NULL while it idles */
  saros_transport *transport; /* NULL while it dials */
  SrHttpDial *dial;           /* not NULL while it does */
  SrHttpStage stage;
  SrHttpConn *older, *newer;   /* among those that idle */
  SrHttpConn *next, *previous; /* in the chain of those with a like place */
  unsigned hash;               /* of the place */
  double idle_since;
  unsigned busy; /* callbacks of its transport that are under way: it is freed behind them */
  bool is_dead;  /* it is to be freed */
  bool is_fresh; /* it was opened for this transfer */
  bool is_tls;

  /* The exchange. */
  SrBuffer in;           /* bytes of a head, or of a line between chunks, that did not come whole */
  SrWireMessage message; /* the head of the response */
  SrWireBody body;       /* once that is there */
  size_t heads;          /* bytes of heads so far */
  size_t at;             /* so many bytes of the request's head and body have been handed to the transport */
  bool has_begun;        /* a byte of the response has come */
  bool has_head;         /* the final one */
  bool is_whole;         /* all of the response has come */
  bool has_left;         /* all of the request has been handed over */
  bool keeps;            /* the next exchange may follow on it */
  bool awaits_go;        /* the body waits for 100 (Continue) */
  int write_status;      /* why nothing can be sent any more, 0: it can */
  char place[];          /* what it may carry: see SrHttpRequest */
};

#endif
