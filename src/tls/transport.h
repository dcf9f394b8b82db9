/* SPDX-License-Identifier: MIT */
/*
** TLS as a transport: it is stacked on another one and takes its place under a stream.
*/
#ifndef SR_TLS_TRANSPORT_H
#define SR_TLS_TRANSPORT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "tls/engine.h"
#include "tls/module.h"

typedef struct SrTls SrTls;

/* How many seconds a handshake goes on that cannot send any more. */
#define SR_TLS_LAST_WORDS 1.0

/* Who waits for the end of the handshake. */
typedef struct SrTlsHandshake {
  saros_wait wait;
  saros_timer timer;
  saros_runtime *runtime;
  SrTls *tls;     /* NULL once the handshake is over, or the transport closed */
  int status;     /* how it ended: 0, or why it failed */
  bool is_late;   /* it took longer than it may */
  double seconds; /* how long it may take; for messages */
} SrTlsHandshake;

struct SrTls {
  saros_transport head;      /* what the stream above sees */
  saros_transport *below;    /* what this one stands on and owns; NULL: it has been taken away */
  SrTlsHandshake *handshake; /* who waits for it */
  SrTlsEngine engine;
  SrBuffer output; /* ciphertext that the one below has not taken yet */
  SrBuffer held;   /* ciphertext that came when nobody wanted it any more */
  size_t replies;  /* bytes that nobody wrote, answers to what the peer sent, since nothing was pending */
  char *host;      /* of the peer, for messages; NULL: unknown */
  int port;
  int end;          /* why no plaintext follows, 0: it may */
  int write_status; /* why no ciphertext can be sent, 0: it can */
  unsigned busy;    /* calls that are under way: it is freed when they are over */
  bool is_awaited;  /* a task waits for the one above */
  bool reading;     /* the one above wants bytes */
  bool started;     /* the one below has been told to give some */
  bool end_told, end_sent, shutting, closing, dead;
};

/* Whom the handshake is with, strings for the time of the call; NULL where unknown. */
typedef struct SrTlsPeer {
  const char *name; /* a client: what the server has to prove */
  const char *key;  /* a client: whose sessions to take up again */
  const char *host; /* for messages, with */
  int port;
} SrTlsPeer;

/* A transport for both sides; to be stacked on `below`, whose sink it becomes. NULL: no memory. */
SrTls *sr_tls_new(SrTlsContext *context, saros_transport *below, const SrTlsPeer *peer);

/* Begins the handshake, once it is stacked. */
void sr_tls_begin(SrTls *tls);

/* The transport, if it is one of TLS, else NULL. */
SrTls *sr_tls_of(saros_transport *transport);

#endif
