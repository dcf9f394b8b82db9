/* SPDX-License-Identifier: MIT */
/*
** Contexts, see context.h.
*/
#include "tls/context.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"

#define MODE (SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

#define OPTIONS (SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION)

static const unsigned char session_id_context[] = "saros";

/* False, always: what OpenSSL has to say of a file, or the system. */
static bool refuse(SrTlsProblem *problem, const char *path, const char *what) {
  problem->path = path;
  snprintf(problem->reason, sizeof problem->reason, "%s", what);
  for (unsigned long error = ERR_get_error(); error != 0; error = ERR_get_error()) {
    if (ERR_GET_LIB(error) == ERR_LIB_SYS && problem->status == 0)
      problem->status = sr_errno_status(ERR_GET_REASON(error));
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
      *problem = (SrTlsProblem){.reason = "not enough memory"};
      break;
    }
  }
  ERR_clear_error();
  return false;
}

/* Asking for a password at the terminal would stop everything. */
static int no_password(char *into, int size, int rwflag, void *data) {
  (void)into, (void)size, (void)rwflag, (void)data;
  return -1;
}

static bool load_certificate(SSL_CTX *ssl, const SrTlsOptions *options, SrTlsProblem *problem) {
  const char *key = options->key != NULL ? options->key : options->cert;
  if (options->cert == NULL) return true;
  if (SSL_CTX_use_certificate_chain_file(ssl, options->cert) != 1)
    return refuse(problem, options->cert, "there is no certificate in it (PEM)");
  if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ssl) == 1) return true;
  if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
    return refuse(problem, key, "its key does not belong to the certificate");
  return refuse(problem, key, "there is no private key in it that can be read (PEM, without a password)");
}

static bool load_trust(SSL_CTX *ssl, const SrTlsOptions *options, SrTlsProblem *problem) {
  const char *file = options->server ? options->client_ca : options->ca_file;
  const char *folder = options->server ? NULL : options->ca_path;
  if (file != NULL || folder != NULL) {
    if (SSL_CTX_load_verify_locations(ssl, file, folder) == 1) return true;
    return refuse(problem, file != NULL ? file : folder, "there is no certificate in it (PEM)");
  }
  if (!options->server && options->verify && SSL_CTX_set_default_verify_paths(ssl) != 1)
    return refuse(problem, NULL, "the certificates that the system trusts cannot be loaded");
  return true;
}

/* Clients are told whose certificates this server takes. */
static bool name_client_authorities(SSL_CTX *ssl, const char *file, SrTlsProblem *problem) {
  STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
  if (names == NULL) return refuse(problem, file, "there is no certificate in it (PEM)");
  SSL_CTX_set_client_CA_list(ssl, names);
  return true;
}

static int verify_mode(const SrTlsOptions *options) {
  if (!options->server) return options->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
  if (options->client_ca == NULL) return SSL_VERIFY_NONE;
  return SSL_VERIFY_PEER | (options->verify ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

/* A server takes the first of its own protocols that the client knows too; RFC 7301 wants it to refuse if there is none. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned offered_length, void *arg) {
  const SrTlsContext *context = arg;
  unsigned char *found;
  (void)ssl;
  if (SSL_select_next_proto(&found, length, context->alpn, (unsigned)context->alpn_length, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

static bool set_protocols(SrTlsContext *context, const SrTlsOptions *options) {
  if (options->alpn_length == 0) return true;
  if (!context->server)
    return SSL_CTX_set_alpn_protos(context->ssl, options->alpn, (unsigned)options->alpn_length) == 0;
  context->alpn = malloc(options->alpn_length);
  if (context->alpn == NULL) return false;
  memcpy(context->alpn, options->alpn, options->alpn_length);
  context->alpn_length = options->alpn_length;
  SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, context);
  return true;
}

/* A server keeps its sessions in the tickets that clients bring; a client's are kept by peer, see engine.c. */
static void set_sessions(SrTlsContext *context, const SrTlsHooks *hooks) {
  if (context->server) {
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context->ssl, session_id_context, sizeof session_id_context - 1);
  } else {
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context->ssl, hooks->on_session);
  }
}

static bool set_up(SrTlsContext *context, const SrTlsOptions *options, const SrTlsHooks *hooks, SrTlsProblem *problem) {
  SSL_CTX *ssl = context->ssl;
  SSL_CTX_set_mode(ssl, MODE);
  SSL_CTX_set_read_ahead(ssl, 1); /* the head of a record and the rest of it at once */
  SSL_CTX_set_options(ssl, OPTIONS);
  SSL_CTX_set_default_passwd_cb(ssl, no_password);
  SSL_CTX_set_verify(ssl, verify_mode(options), hooks->on_certificate);
  set_sessions(context, hooks);
  if (SSL_CTX_set_min_proto_version(ssl, options->min_version) != 1)
    return refuse(problem, NULL, "the OpenSSL here does not know this version of TLS");
  if (!set_protocols(context, options)) return refuse(problem, NULL, "not enough memory");
  if (options->client_ca != NULL && !name_client_authorities(ssl, options->client_ca, problem)) return false;
  return load_certificate(ssl, options, problem) && load_trust(ssl, options, problem);
}

SrTlsContext *sr_tls_context_new(const SrTlsOptions *options, const SrTlsHooks *hooks, SrTlsProblem *problem) {
  ERR_clear_error();
  *problem = (SrTlsProblem){.reason = "not enough memory"};
  SrTlsContext *context = calloc(1, sizeof *context);
  if (context == NULL) return NULL;
  context->shares = 1;
  context->server = options->server;
  context->verify = options->verify;
  context->ssl = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
  if (context->ssl != NULL && set_up(context, options, hooks, problem)) return context;
  sr_tls_context_drop(context);
  ERR_clear_error();
  return NULL;
}

SrTlsContext *sr_tls_context_share(SrTlsContext *context) {
  context->shares++;
  return context;
}

void sr_tls_context_drop(SrTlsContext *context) {
  if (--context->shares > 0) return;
  sr_tls_sessions_free(&context->sessions);
  SSL_CTX_free(context->ssl);
  free(context->alpn);
  free(context);
}
