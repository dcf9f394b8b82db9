/* SPDX-License-Identifier: MIT */
/* Buffers of OpenSSL, see warm.h. */
#include "tls/warm.h"

#include <string.h>

/* So many connections of a context keep their buffers. */
enum { WARM = 64 };

void sr_tls_warm_leave(SrTlsEngine *engine) {
  if (!engine->is_warm) return;
  SrTlsWarm *warm = &engine->context->warm;
  engine->is_warm = false;
  warm->count--;
  if (engine->newer != NULL)
    engine->newer->older = engine->older;
  else
    warm->newest = engine->older;
  if (engine->older != NULL)
    engine->older->newer = engine->newer;
  else
    warm->oldest = engine->newer;
}

static void enter(SrTlsWarm *warm, SrTlsEngine *engine) {
  engine->is_warm = true;
  warm->count++;
  engine->newer = NULL;
  engine->older = warm->newest;
  if (engine->older != NULL)
    engine->older->newer = engine;
  else
    warm->oldest = engine;
  warm->newest = engine;
}

/*
** Whether nothing of a record is in its buffers. Before 3.0.14 OpenSSL frees them under one of which only the head has
** come, or only a part been read (CVE-2024-4741).
*/
static bool is_between_records(const SSL *ssl) {
  return !SSL_has_pending(ssl) && strcmp(SSL_rstate_string(ssl), "RH") == 0; /* it waits for the head of a record */
}

void sr_tls_warm_up(SrTlsEngine *engine) {
  SrTlsWarm *warm = &engine->context->warm;
  if (warm->newest == engine) return;
  sr_tls_warm_leave(engine);
  enter(warm, engine);
  if (warm->count <= WARM) return;
  SrTlsEngine *cold = warm->oldest;
  sr_tls_warm_leave(cold);
  if (is_between_records(cold->ssl)) SSL_free_buffers(cold->ssl);
}
