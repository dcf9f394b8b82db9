/* SPDX-License-Identifier: MIT */
/*
** Buffers of OpenSSL, of 34 KiB a connection. Most connections wait most of the time and need none; but whoever is busy
** would pay for new ones with each record. So those of a context that were used last keep theirs.
*/
#ifndef SR_TLS_WARM_H
#define SR_TLS_WARM_H

#include "tls/state.h"

/* It is about to be used. Whoever has to make room for it gives up its buffers. */
void sr_tls_warm_up(SrTlsEngine *engine);

/* It ends. */
void sr_tls_warm_leave(SrTlsEngine *engine);

#endif
