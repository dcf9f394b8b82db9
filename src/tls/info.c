/* SPDX-License-Identifier: MIT */
/*
** tls_info and TLSError, see info.h.
*/
#include "tls/info.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "tls/certificate.h"

static void set_text(lua_State *L, const char *key, const char *text) {
  if (text == NULL) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_flag(lua_State *L, const char *key, bool flag) {
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, key);
}

static void set_protocol(lua_State *L, const SSL *ssl) {
  const unsigned char *protocol;
  unsigned length;
  SSL_get0_alpn_selected(ssl, &protocol, &length);
  if (length == 0) return;
  lua_pushlstring(L, (const char *)protocol, length);
  lua_setfield(L, -2, "alpn");
}

/* "1.3", as min_version has it. */
static const char *version_of(const SSL *ssl) {
  const char *version = SSL_get_version(ssl);
  return strncmp(version, "TLSv", 4) == 0 ? version + 4 : version;
}

/* The session holds the certificate that this gives. */
static X509 *peer_certificate(const SSL *ssl) {
  X509 *certificate = SSL_get_peer_certificate(ssl);
  X509_free(certificate);
  return certificate;
}

void sr_tls_push_info(SrTls *tls, lua_State *L) {
  const SSL *ssl = tls->engine.ssl;
  X509 *certificate = peer_certificate(ssl);
  bool is_checked = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
  if (!tls->engine.established) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 8);
  set_text(L, "version", version_of(ssl));
  set_text(L, "cipher", SSL_get_cipher_name(ssl));
  set_text(L, "server_name",
           tls->engine.context->server ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : tls->engine.name);
  set_protocol(L, ssl);
  set_flag(L, "resumed", SSL_session_reused(ssl));
  set_flag(L, "verified", is_checked && certificate != NULL && SSL_get_verify_result(ssl) == X509_V_OK);
  if (certificate == NULL) return;
  sr_tls_certificate_push(L, certificate);
  lua_setfield(L, -2, "peer_certificate");
}

void sr_tls_name_peer(const SrTls *tls, SrTlsPeerName *name) {
  snprintf(name->host, sizeof name->host, "%s", tls->host != NULL ? tls->host : "");
  name->port = tls->port;
}

void sr_tls_set_peer(const SrTlsPeerName *peer, lua_State *L) {
  if (peer->host[0] == '\0') return;
  set_text(L, "host", peer->host);
  if (peer->port <= 0) return;
  lua_pushinteger(L, peer->port);
  lua_setfield(L, -2, "port");
}

const char *sr_tls_push_peer(const SrTlsPeerName *peer, lua_State *L) {
  if (peer->host[0] == '\0') return lua_pushliteral(L, "");
  if (peer->port <= 0) return lua_pushfstring(L, "with %s ", peer->host);
  return lua_pushfstring(L, strchr(peer->host, ':') != NULL ? "with [%s]:%d " : "with %s:%d ", peer->host, peer->port);
}

int sr_tls_push_error(SrTls *tls, lua_State *L, int status) {
  SrTlsPeerName peer;
  char reason[512];
  if (status != SAROS_ETRANSPORT) return 0;
  const char *how = tls->engine.established ? "broke" : "failed in the handshake";
  snprintf(reason, sizeof reason, "%s", tls->engine.reason != NULL ? tls->engine.reason : "not enough memory");
  sr_tls_name_peer(tls, &peer);
  sr_tls_saros->push_error(L, "TLSError", "ETLS", "TLS %s%s: %s", sr_tls_push_peer(&peer, L), how, reason);
  lua_remove(L, -2);
  set_text(L, "reason", reason);
  sr_tls_set_peer(&peer, L);
  return 1;
}
