/* SPDX-License-Identifier: MIT */
/*
** The way down: plaintext becomes records, and records go to the transport below.
**
** Invariant: plaintext is encrypted only when there is room, so that until then it stays with who wrote it.
*/
#ifndef SR_TLS_SENDING_H
#define SR_TLS_SENDING_H

#include "tls/state.h"

/* Hands down what the one below takes; the rest stays in `output`. */
void sr_tls_flush(SrTls *tls);

/* How many bytes of ciphertext have not left. */
size_t sr_tls_pending(const SrTls *tls);

/* As a transport's write. */
ptrdiff_t sr_tls_send(SrTls *tls, const uv_buf_t *bufs, unsigned count);

/* Tells the peer that nothing follows. */
void sr_tls_say_goodbye(SrTls *tls);

/* After the goodbye has been handed down the write side of the one below may end too. 0, or why it cannot. */
int sr_tls_go_on_shutting(SrTls *tls);

#endif
