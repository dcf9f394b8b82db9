/* SPDX-License-Identifier: MIT */
/*
** TLS for other C modules: a client's transport over another one. They get it from saros.tls.core as light userdata
** ("face"), so that OpenSSL is loaded by those only who want it.
*/
#ifndef SR_TLS_FACE_H
#define SR_TLS_FACE_H

#include "saros.h"

typedef struct SrTlsFace {
  /* The context that a value of saros.tls.core.context() is; it lives as long as that value. [-0, +0, v] */
  void *(*context)(lua_State *L, int index);
  /*
  ** A client's transport over `below`, whose sink it becomes, with the handshake begun. When that is done `sink->on_drain`
  ** is called; where it fails, once it has been started, `sink->on_end`. `name` is what the server has to prove, `key`
  ** whose sessions are taken up again; NULL: nobody, none. NULL: no memory.
  */
  saros_transport *(*client)(void *context, saros_transport *below, const saros_sink *sink, void *owner,
                             const char *name, const char *key);
  /* Whether the handshake is done. */
  int (*is_established)(const saros_transport *transport);
  /* Why it failed with SAROS_ETRANSPORT, in plain words. */
  const char *(*reason)(const saros_transport *transport);
} SrTlsFace;

/* Of saros.tls.core alone. */
extern const SrTlsFace sr_tls_face;

#endif
