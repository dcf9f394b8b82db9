/* SPDX-License-Identifier: MIT */
/*
** What a connection over TLS tells Lua: its state, and why it failed.
*/
#ifndef SR_TLS_INFO_H
#define SR_TLS_INFO_H

#include "tls/state.h"

/* Pushes the table of tls_info. [-0, +1, m] */
void sr_tls_push_info(SrTls *tls, lua_State *L);

/* Pushes a TLSError and returns 1, if the status is one that only TLS can tell; else 0. [-0, +0|1, m] */
int sr_tls_push_error(SrTls *tls, lua_State *L, int status);

/* Sets host and port, as far as they are known, of the error on top of the stack. [-0, +0, m] */
void sr_tls_set_peer(const SrTls *tls, lua_State *L);

/* Pushes "with HOST:PORT ", or "" where nobody knows. [-0, +1, m] */
const char *sr_tls_push_peer(const SrTls *tls, lua_State *L);

#endif
