/* SPDX-License-Identifier: MIT */
/*
** TLS as a transport: it is stacked on another one and takes its place under a stream.
*/
#ifndef SR_TLS_TRANSPORT_H
#define SR_TLS_TRANSPORT_H

#include "tls/state.h"

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
