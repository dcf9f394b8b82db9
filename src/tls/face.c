/* SPDX-License-Identifier: MIT */
/* TLS for other C modules, see face.h. */
#include "tls/face.h"

#include "tls/settings.h"
#include "tls/transport.h"

static void *face_context(lua_State *L, int index) {
  return sr_tls_settings_check(L, index);
}

static saros_transport *face_client(void *context, saros_transport *below, const saros_sink *sink, void *owner,
                                    const char *name, const char *key) {
  const SrTlsPeer peer = {.name = name, .key = key};
  SrTls *tls = sr_tls_new(context, below, &peer);
  if (tls == NULL) return NULL;
  tls->head.sink = sink;
  tls->head.owner = owner;
  sr_tls_begin(tls);
  return &tls->head;
}

static int face_is_established(const saros_transport *transport) {
  return ((const SrTls *)transport)->engine.established;
}

static const char *face_reason(const saros_transport *transport) {
  const char *reason = ((const SrTls *)transport)->engine.reason;
  return reason != NULL ? reason : "not enough memory";
}

const SrTlsFace sr_tls_face = {
    .context = face_context,
    .client = face_client,
    .is_established = face_is_established,
    .reason = face_reason,
};
