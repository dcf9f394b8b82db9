/* SPDX-License-Identifier: MIT */
/*
** What a connection over TLS tells Lua: its state, and why it failed.
*/
#ifndef SR_TLS_INFO_H
#define SR_TLS_INFO_H

#include "tls/state.h"

/*
** The peer as errors name it. It is copied before Lua is asked for anything: the collector works then, and a finalizer
** may close the connection.
*/
typedef struct SrTlsPeerName {
  char host[1025]; /* as long as a name can be; empty: unknown */
  int port;        /* 0: unknown */
} SrTlsPeerName;

void sr_tls_name_peer(const SrTls *tls, SrTlsPeerName *name);

/* Pushes the table of tls_info. The connection must stay in memory meanwhile. [-0, +1, m] */
void sr_tls_push_info(SrTls *tls, lua_State *L);

/* Pushes a TLSError and returns 1, if the status is one that only TLS can tell; else 0. [-0, +0|1, m] */
int sr_tls_push_error(SrTls *tls, lua_State *L, int status);

/* Sets host and port, as far as they are known, of the error on top of the stack. [-0, +0, m] */
void sr_tls_set_peer(const SrTlsPeerName *peer, lua_State *L);

/* Pushes "with HOST:PORT ", or "" where nobody knows. [-0, +1, m] */
const char *sr_tls_push_peer(const SrTlsPeerName *peer, lua_State *L);

#endif
