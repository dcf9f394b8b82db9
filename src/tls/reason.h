/* SPDX-License-Identifier: MIT */
/*
** Why TLS failed, in words that somebody who has not written OpenSSL understands.
*/
#ifndef SR_TLS_REASON_H
#define SR_TLS_REASON_H

#include <openssl/x509.h>

#include "tls/state.h"

/*
** What OpenSSL's queue of errors, which is empty afterwards, and the peer's first words say. To be freed; NULL: there
** was no memory, for it or for TLS.
*/
char *sr_tls_reason(const SrTlsEngine *engine);

/* What is wrong with a certificate (NULL: there is none) of `name`. To be freed; NULL: no memory. */
char *sr_tls_reason_of_certificate(X509 *certificate, int error, const char *name);

/* Why this is no peer that speaks TLS. To be freed; NULL: it may well be one, or there is no memory. */
char *sr_tls_reason_of_greeting(const SrTlsEngine *engine);

/* Why a handshake failed in which the peer went away. To be freed; NULL: no memory. */
char *sr_tls_reason_of_cut(const SrTlsEngine *engine);

#endif
