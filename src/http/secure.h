/* SPDX-License-Identifier: MIT */
/*
** The functions of saros.tls.core for the client's own connections, once that has been loaded.
*/
#ifndef SR_HTTP_SECURE_H
#define SR_HTTP_SECURE_H

#include "tls/face.h"

/* NULL before use_tls has been called. */
extern const SrTlsFace *sr_http_tls;

/* Adds use_tls() to the table on top. [-0, +0, m] */
void sr_http_open_secure(lua_State *L);

#endif
