/* SPDX-License-Identifier: MIT */
/*
** TLS as bytes, see engine.h: OpenSSL between the bytes that were fed and a buffer, without a copy of its own.
*/
#include "tls/engine.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "tls/reason.h"
#include "tls/warm.h"

/* The most plaintext of one record. */
#define RECORD 16384

/* ---- What OpenSSL takes for its connection ---- */

static BIO_METHOD *method;
static uv_once_t method_once = UV_ONCE_INIT;

static int on_input(BIO *bio, char *into, int room) {
  SrTlsEngine *engine = BIO_get_data(bio);
  size_t count = room > 0 ? (size_t)room : 0;
  if (count > engine->input_length) count = engine->input_length;
  BIO_clear_retry_flags(bio);
  if (count == 0) {
    engine->is_starved = true;
    BIO_set_retry_read(bio);
    return -1;
  }
  memcpy(into, engine->input, count);
  engine->input += count;
  engine->input_length -= count;
  return (int)count;
}

static int on_output(BIO *bio, const char *bytes, int count) {
  SrTlsEngine *engine = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (sr_buffer_append(engine->output, bytes, (size_t)count)) return count;
  engine->out_of_memory = true;
  return -1;
}

static long on_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static int on_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static void make_method(void) {
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "saros");
  if (method == NULL) return;
  BIO_meth_set_read(method, on_input);
  BIO_meth_set_write(method, on_output);
  BIO_meth_set_ctrl(method, on_control);
  BIO_meth_set_create(method, on_create);
}

/* ---- What it tells while it goes on ---- */

static int on_certificate(int right, X509_STORE_CTX *store) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  SrTlsEngine *engine = SSL_get_app_data(ssl);
  if (right || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return right;
  if (engine->reason != NULL || engine->out_of_memory) return right;
  engine->reason = sr_tls_reason_of_certificate(X509_STORE_CTX_get_current_cert(store), X509_STORE_CTX_get_error(store),
                                                engine->name);
  engine->out_of_memory = engine->reason == NULL;
  return right;
}

/* Alerts come with their level above the lowest byte. */
static void on_info(const SSL *ssl, int where, int number) {
  SrTlsEngine *engine = SSL_get_app_data(ssl);
  if (where == SSL_CB_READ_ALERT && (number & 0xff) == SSL_AD_CLOSE_NOTIFY) engine->has_ended = true;
}

/* 1: the session is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session) {
  SrTlsEngine *engine = SSL_get_app_data(ssl);
  if (engine->session == NULL) return 0;
  return sr_tls_sessions_put(&engine->context->sessions, engine->session, session);
}

const SrTlsHooks sr_tls_engine_hooks = {on_certificate, on_session};

/* ---- Opening ---- */

static bool is_address(const char *name) {
  unsigned char bytes[sizeof(struct in6_addr)];
  return uv_inet_pton(AF_INET, name, bytes) == 0 || uv_inet_pton(AF_INET6, name, bytes) == 0;
}

static char *copy(const char *text, size_t length) {
  char *made = malloc(length + 1);
  if (made == NULL) return NULL;
  memcpy(made, text, length);
  made[length] = '\0';
  return made;
}

/* As certificates have it: neither the root's dot nor the zone of a link-local address. */
static char *copy_name(const char *name) {
  size_t length = strlen(name);
  const char *zone = strchr(name, ':') != NULL ? strchr(name, '%') : NULL;
  if (zone != NULL) length = (size_t)(zone - name);
  if (length > 1 && name[length - 1] == '.') length--;
  return copy(name, length);
}

/* Whom the server says to be, and has to prove to be. */
static bool set_name(SrTlsEngine *engine) {
  X509_VERIFY_PARAM *param = SSL_get0_param(engine->ssl);
  if (is_address(engine->name)) return X509_VERIFY_PARAM_set1_ip_asc(param, engine->name) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(engine->ssl, engine->name) == 1 &&
         X509_VERIFY_PARAM_set1_host(param, engine->name, 0) == 1;
}

static void take_up_session(SrTlsEngine *engine) {
  SSL_SESSION *session = sr_tls_sessions_take(&engine->context->sessions, engine->session);
  if (session == NULL) return;
  SSL_set_session(engine->ssl, session); /* failing, it makes a full handshake */
  SSL_SESSION_free(session);
}

static bool open_ssl(SrTlsEngine *engine) {
  uv_once(&method_once, make_method);
  engine->ssl = SSL_new(engine->context->ssl);
  BIO *bio = method != NULL ? BIO_new(method) : NULL;
  if (engine->ssl == NULL || bio == NULL) {
    BIO_free(bio);
    return false;
  }
  BIO_set_data(bio, engine);
  SSL_set_bio(engine->ssl, bio, bio);
  SSL_set_app_data(engine->ssl, engine);
  SSL_set_info_callback(engine->ssl, on_info);
  return true;
}

/* A session is taken up without a look at certificates: it is that of a name as much as of a host and port. */
static char *join(const char *name, const char *peer) {
  size_t size = strlen(name) + strlen(peer) + 2;
  char *key = malloc(size);
  if (key != NULL) snprintf(key, size, "%s %s", name, peer);
  return key;
}

static bool open_client(SrTlsEngine *engine, const char *name, const char *peer) {
  SSL_set_connect_state(engine->ssl);
  if (name != NULL) {
    engine->name = copy_name(name);
    if (engine->name == NULL || !set_name(engine)) return false;
  }
  if (peer == NULL) return true;
  engine->session = join(name != NULL ? engine->name : "", peer);
  if (engine->session == NULL) return false;
  take_up_session(engine);
  return true;
}

bool sr_tls_engine_open(SrTlsEngine *engine, SrTlsContext *context, SrBuffer *output, const char *name,
                        const char *peer) {
  ERR_clear_error();
  engine->context = sr_tls_context_share(context);
  engine->output = output;
  if (!open_ssl(engine)) return false;
  if (!context->server) return open_client(engine, name, peer);
  SSL_set_accept_state(engine->ssl);
  return true;
}

/* ---- Going on ---- */

static SrTlsResult fail(SrTlsEngine *engine) {
  engine->failed = true;
  if (engine->reason == NULL && !engine->out_of_memory) engine->reason = sr_tls_reason(engine);
  ERR_clear_error();
  return SR_TLS_FAILED;
}

/* What a call comes to before which the queue of errors was empty. */
static SrTlsResult result_of(SrTlsEngine *engine, int status) {
  switch (SSL_get_error(engine->ssl, status)) {
  case SSL_ERROR_NONE: return SR_TLS_DONE;
  case SSL_ERROR_WANT_READ: return SR_TLS_WANT;
  default: return fail(engine);
  }
}

void sr_tls_engine_feed(SrTlsEngine *engine, const char *bytes, size_t count) {
  size_t greets = SR_TLS_GREETING - (size_t)engine->greeting_length;
  if (greets > count) greets = count;
  memcpy(engine->greeting + engine->greeting_length, bytes, greets);
  engine->greeting_length = (unsigned char)(engine->greeting_length + greets);
  engine->input = bytes;
  engine->input_length = count;
}

/* OpenSSL would wait for more of what is no record. */
static bool is_foreign(SrTlsEngine *engine) {
  if (engine->reason == NULL) engine->reason = sr_tls_reason_of_greeting(engine);
  if (engine->reason != NULL) engine->failed = true;
  return engine->failed;
}

SrTlsResult sr_tls_engine_handshake(SrTlsEngine *engine) {
  sr_tls_warm_up(engine);
  ERR_clear_error();
  SrTlsResult result = result_of(engine, SSL_do_handshake(engine->ssl));
  if (result == SR_TLS_WANT && is_foreign(engine)) return SR_TLS_FAILED;
  engine->established = result == SR_TLS_DONE;
  return result;
}

bool sr_tls_engine_is_empty(const SrTlsEngine *engine) {
  return engine->input_length == 0 && !SSL_has_pending(engine->ssl);
}

/*
** How it ended is told without SSL_get_error, which looks into the queue of errors of this thread: others may have left
** some there, and to ask it before each call costs more than all else that is ours.
*/
SrTlsResult sr_tls_engine_read(SrTlsEngine *engine, char *into, size_t room, size_t *count) {
  sr_tls_warm_up(engine);
  engine->is_starved = false;
  if (SSL_read_ex(engine->ssl, into, room, count) == 1) return SR_TLS_DONE;
  if (engine->is_starved) return SR_TLS_WANT;
  return engine->has_ended ? SR_TLS_ENDED : fail(engine);
}

SrTlsResult sr_tls_engine_write(SrTlsEngine *engine, const char *bytes, size_t count) {
  size_t taken;
  sr_tls_warm_up(engine);
  for (; count > 0; bytes += taken, count -= taken) {
    int status = SSL_write_ex(engine->ssl, bytes, count < RECORD ? count : RECORD, &taken);
    if (status != 1) return fail(engine); /* writing needs nothing of the peer once the handshake is done */
  }
  return SR_TLS_DONE;
}

SrTlsResult sr_tls_engine_end(SrTlsEngine *engine) {
  ERR_clear_error();
  if (!engine->established || engine->failed) return SR_TLS_FAILED;
  sr_tls_warm_up(engine);
  return SSL_shutdown(engine->ssl) >= 0 ? SR_TLS_DONE : fail(engine);
}

void sr_tls_engine_cut(SrTlsEngine *engine) {
  engine->failed = true;
  if (engine->reason == NULL) engine->reason = sr_tls_reason_of_cut(engine);
}

void sr_tls_engine_close(SrTlsEngine *engine) {
  if (engine->ssl != NULL) {
    /* Else OpenSSL would take a session for broken whose connection merely ended, see SSL_free. */
    if (!engine->failed) SSL_set_shutdown(engine->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(engine->ssl);
    ERR_clear_error();
  }
  sr_tls_warm_leave(engine);
  if (engine->context != NULL) sr_tls_context_drop(engine->context);
  free(engine->name);
  free(engine->session);
  free(engine->reason);
  *engine = (SrTlsEngine){0};
}
