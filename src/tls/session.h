/* SPDX-License-Identifier: MIT */
/*
** Sessions that servers have given to a client, by peer, so that the next handshake with the same one is short.
**
** Invariant: at most SR_TLS_SESSIONS are kept, the newest; one of TLS 1.3 is handed out once only, for a ticket that
** is shown twice tells who watches that both came from the same client (RFC 8446, C.4).
*/
#ifndef SR_TLS_SESSION_H
#define SR_TLS_SESSION_H

#include <openssl/ssl.h>
#include <stdbool.h>

enum { SR_TLS_SESSIONS = 128 };

typedef struct SrTlsKept {
  char *peer; /* whose, see engine.h */
  SSL_SESSION *session;
} SrTlsKept;

typedef struct SrTlsSessions {
  SrTlsKept kept[SR_TLS_SESSIONS]; /* oldest first */
  unsigned count;
} SrTlsSessions;

/* Takes the session over. False: no memory, it is still the caller's. */
bool sr_tls_sessions_put(SrTlsSessions *sessions, const char *peer, SSL_SESSION *session);

/* The newest of that peer, which the caller has to free; NULL: there is none. */
SSL_SESSION *sr_tls_sessions_take(SrTlsSessions *sessions, const char *peer);

void sr_tls_sessions_free(SrTlsSessions *sessions);

#endif
