/* SPDX-License-Identifier: MIT */
/*
** What all connections with the same options share: certificates, trust, versions, sessions.
**
** Invariant: a context does not change once it is made; each connection holds a share of it, so it outlives the
** Lua value that made it for as long as it is needed.
*/
#ifndef SR_TLS_CONTEXT_H
#define SR_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tls/session.h"

typedef struct SrTlsOptions {
  bool server;
  bool verify;           /* the other side has to prove who it is (a client only where client_ca is given) */
  const char *ca_file;   /* whom to trust instead of those whom the system trusts; NULL: those */
  const char *ca_path;   /* a folder of those, as OpenSSL keeps it; NULL: none */
  const char *client_ca; /* server: who signs its clients' certificates; NULL: none is asked for */
  const char *cert, *key;
  const unsigned char *alpn; /* protocols, a length before each, the one liked best first */
  size_t alpn_length;
  int min_version; /* TLS1_2_VERSION, ... */
} SrTlsOptions;

/* The connections that have buffers, the latest first; see warm.h. */
typedef struct SrTlsWarm {
  struct SrTlsEngine *newest, *oldest;
  unsigned count;
} SrTlsWarm;

typedef struct SrTlsContext {
  SSL_CTX *ssl;
  unsigned shares;
  bool server;
  bool verify;
  unsigned char *alpn; /* of a server: what it chooses from */
  size_t alpn_length;
  SrTlsWarm warm;
  SrTlsSessions sessions; /* of a client */
} SrTlsContext;

/* Why there is no context. */
typedef struct SrTlsProblem {
  char reason[320];
  const char *path; /* of the file, NULL where it is not about one */
  int status;       /* libuv's, where the system refused the file; else 0 */
} SrTlsProblem;

/* What OpenSSL calls during a connection, see engine.c. */
typedef struct SrTlsHooks {
  int (*on_certificate)(int right, X509_STORE_CTX *store);
  int (*on_session)(SSL *ssl, SSL_SESSION *session);
} SrTlsHooks;

/* One share of a new context. NULL: see problem. */
SrTlsContext *sr_tls_context_new(const SrTlsOptions *options, const SrTlsHooks *hooks, SrTlsProblem *problem);

SrTlsContext *sr_tls_context_share(SrTlsContext *context);
void sr_tls_context_drop(SrTlsContext *context);

#endif
