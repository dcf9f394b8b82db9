/* SPDX-License-Identifier: MIT */
/*
** Sessions that servers have given to a client, see session.h.
*/
#include "tls/session.h"

#include <stdlib.h>
#include <string.h>

static void drop(SrTlsSessions *sessions, unsigned i) {
  SSL_SESSION_free(sessions->kept[i].session);
  free(sessions->kept[i].peer);
  sessions->count--;
  memmove(&sessions->kept[i], &sessions->kept[i + 1], (sessions->count - i) * sizeof sessions->kept[0]);
}

bool sr_tls_sessions_put(SrTlsSessions *sessions, const char *peer, SSL_SESSION *session) {
  size_t size = strlen(peer) + 1;
  char *name = malloc(size);
  if (name == NULL) return false;
  memcpy(name, peer, size);
  if (sessions->count == SR_TLS_SESSIONS) drop(sessions, 0);
  sessions->kept[sessions->count++] = (SrTlsKept){name, session};
  return true;
}

SSL_SESSION *sr_tls_sessions_take(SrTlsSessions *sessions, const char *peer) {
  for (unsigned i = sessions->count; i-- > 0;) {
    if (strcmp(sessions->kept[i].peer, peer) != 0) continue;
    SSL_SESSION *session = sessions->kept[i].session;
    SSL_SESSION_up_ref(session);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) drop(sessions, i);
    return session;
  }
  return NULL;
}

void sr_tls_sessions_free(SrTlsSessions *sessions) {
  while (sessions->count > 0) drop(sessions, sessions->count - 1);
}
