/* SPDX-License-Identifier: MIT */
/*
** What a certificate says, as text and numbers.
*/
#ifndef SR_TLS_CERTIFICATE_H
#define SR_TLS_CERTIFICATE_H

#include <lua.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

/* Whom it is for; to be freed with GENERAL_NAMES_free. NULL: it does not say. */
GENERAL_NAMES *sr_tls_certificate_names(X509 *certificate);

/* A DNS name or address. False: it is neither, or does not fit. */
bool sr_tls_certificate_name(const GENERAL_NAME *name, char *into, size_t size);

/* Pushes a table of what it says. [-0, +1, m] */
void sr_tls_certificate_push(lua_State *L, X509 *certificate);

#endif
