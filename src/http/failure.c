/* SPDX-License-Identifier: MIT */
/*
** libcurl's result codes as the codes of the contract, see failure.h.
**
** Where the system spoke its own name is given (ECONNREFUSED, EHOSTUNREACH); where
** libcurl lumps things together (RECV_ERROR is a reset, a broken chunk and a TLS
** end without goodbye) the errno and its text tell them apart.
*/
#include "http/failure.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"

void sr_failure_set(SrFailure *failure, const char *name, const char *code, const char *message) {
  if (failure->name != NULL) return;
  failure->name = name;
  failure->code = code;
  failure->message = strdup(message);
}

void sr_failure_timeout(SrFailure *failure, const char *phase, double seconds) {
  if (failure->name != NULL) return;
  sr_failure_set(failure, "TimeoutError", "ETIMEDOUT", "");
  failure->phase = phase;
  failure->seconds = seconds;
}

/* The name of a status of libuv's; 0 is none. */
static const char *system_code(int status, const char *otherwise) {
  return status != 0 ? uv_err_name(status) : otherwise;
}

/*
** Of which error the text speaks, as libuv's status; 0 for none. libcurl keeps the errno of a connection
** attempt that failed before another succeeded, and that of former transfers, and over TLS none at all: the
** one its text speaks of belongs to this failure.
*/
static int transport_error(const char *detail) {
  static const int errors[] = {UV_ECONNRESET,  UV_EPIPE,    UV_ETIMEDOUT,   UV_EHOSTUNREACH,
                               UV_ENETUNREACH, UV_ENETDOWN, UV_ECONNABORTED};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    const char *text = sr_transport_text(errors[i]);
    if (text != NULL && strstr(detail, text) != NULL) return errors[i];
  }
  return 0;
}

/* A server with TLS 1.3 refuses the client's certificate when the client is done with the handshake. */
static int is_alert(const char *detail) {
  return strstr(detail, "SSL") != NULL && strstr(detail, " alert ") != NULL;
}

static const char *transport_code(const char *detail, int has_head) {
  if (is_alert(detail)) return "ETLS";
  int status = transport_error(detail);
  if (status != 0) return status == UV_EPIPE ? "ECONNRESET" : uv_err_name(status);
  if (!has_head) return "ECONNRESET";
  return strstr(detail, "chunked") != NULL ? "EPROTO" : "ETRUNCATED";
}

static const char *tls_code(CURLcode result) {
  switch (result) {
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_CRL_BADFILE:
  case CURLE_SSL_INVALIDCERTSTATUS:
  case CURLE_SSL_ENGINE_INITFAILED:
  case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
  case CURLE_SSL_CLIENTCERT:
  case CURLE_USE_SSL_FAILED: return "ETLS";
  default: return NULL;
  }
}

static const char *connect_code(int status, const char *detail) {
  return strstr(detail, "proxy scheme") != NULL ? "EPROXY" : system_code(status, "ECONNREFUSED");
}

/* With SOCKS libcurl speaks of hosts where it means the proxy. */
static int is_of_proxy(const SrPlan *plan, const char *detail) {
  static const char words[] = "Could not resolve host: ";
  if (plan->proxy == NULL || strncmp(detail, words, sizeof words - 1) != 0) return 0;
  return strstr(plan->proxy, detail + sizeof words - 1) != NULL && strstr(plan->key, detail + sizeof words - 1) == NULL;
}

/* And of the proxy where it could not look up the host for it. */
static int is_of_host(CURL *easy) {
  long reason = CURLPX_OK;
  curl_easy_getinfo(easy, CURLINFO_PROXY_ERROR, &reason);
  return reason == CURLPX_RESOLVE_HOST;
}

/* A line longer than libcurl allows is for it a line that it has no memory for; over HTTP/2, a head or trailers. */
static int is_large_head(CURL *easy, CURLcode result, const char *detail, int has_head) {
  static const char of_callback[] = "mem_recv() returned -902", of_frames[] = "mem_recv() returned -905";
  curl_off_t begun = 0;
  if (result == CURLE_RECV_ERROR && strncmp(detail, "Too large response headers", 26) == 0) return 1;
  if (result == CURLE_RECV_ERROR && (strstr(detail, of_callback) != NULL || strstr(detail, of_frames) != NULL))
    return 1;
  if (result == CURLE_RECV_ERROR && strcmp(detail, "CONNECT response too large") == 0) return 1;
  if (result != CURLE_OUT_OF_MEMORY || has_head) return 0;
  curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &begun);
  return begun > 0;
}

/* nghttp2 resets the stream for a malformed head, too; where there is a head, its body does not keep to that. */
static const char *stream_code(const char *detail, int has_head) {
  if (has_head) return "ETRUNCATED";
  return strstr(detail, "PROTOCOL_ERROR") != NULL ? "EPROTO" : "ECONNRESET";
}

static const char *plain_code(CURLcode result, int status, const char *detail, int has_head) {
  switch (result) {
  case CURLE_COULDNT_RESOLVE_HOST: return strstr(detail, "path too long") != NULL ? "ENAMETOOLONG" : "ENOTFOUND";
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_PROXY: return "EPROXY";
  case CURLE_COULDNT_CONNECT: return connect_code(status, detail);
  case CURLE_INTERFACE_FAILED: return system_code(status, "EADDRNOTAVAIL");
  case CURLE_OPERATION_TIMEDOUT: return "ETIMEDOUT";
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR: return transport_code(detail, has_head);
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_FAIL_REWIND: return "ECONNRESET";
  case CURLE_ABORTED_BY_CALLBACK:
  case CURLE_HTTP2:
  case CURLE_PARTIAL_FILE: return has_head ? "ETRUNCATED" : "ECONNRESET";
  case CURLE_HTTP2_STREAM: return stream_code(detail, has_head);
  case CURLE_BAD_CONTENT_ENCODING: return "EDECODE";
  case CURLE_SETOPT_OPTION_SYNTAX:
  case CURLE_URL_MALFORMAT: return "EINVAL";
  case CURLE_OUT_OF_MEMORY: return "ENOMEM";
  default: return "EPROTO";
  }
}

/*
** Whether the connection had served before; libcurl has begun another one if it meant to send again. A server that
** goes away (GOAWAY) before it has looked at a request says so on any connection. A stream that is reset says
** nothing of its connection.
*/
static unsigned char was_stale(CURL *easy, CURLcode result) {
  long opened = 0;
  if (result == CURLE_HTTP2) return 1;
  if (result == CURLE_HTTP2_STREAM) return 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
  return opened == 0 || result == CURLE_SEND_FAIL_REWIND || result == CURLE_ABORTED_BY_CALLBACK;
}

void sr_failure_curl(SrFailure *failure, const SrChannel *channel, const SrPlan *plan, CURLcode result, int has_head) {
  CURL *easy = channel->easy;
  const char *detail = channel->detail;
  long number = 0, connect_status = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  int status = uv_translate_sys_error((int)number);
  if (result == CURLE_COULDNT_CONNECT && channel->outlet.refusal != 0) { /* it had no socket to try with */
    status = channel->outlet.refusal;
    detail = sr_status_text(status);
  }
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
  const char *code = tls_code(result);
  if (code == NULL) code = plain_code(result, status, detail, has_head);
  if (result == CURLE_COULDNT_RESOLVE_HOST && is_of_proxy(plan, detail)) code = "EPROXY";
  if (result == CURLE_PROXY && is_of_host(easy)) code = "ENOTFOUND";
  if (connect_status != 0 && connect_status / 100 != 2) {
    code = "EPROXY";
    failure->status = connect_status;
  }
  failure->stale = !has_head && strcmp(code, "ECONNRESET") == 0 && was_stale(easy, result);
  if (is_large_head(easy, result, detail, has_head)) {
    code = "ETOOLARGE";
    detail = "the response headers are too large";
  }
  if (strcmp(code, "ENOMEM") == 0) detail = "not enough memory";
  if (result == CURLE_ABORTED_BY_CALLBACK)
    detail = has_head ? "the server broke off its answer and asks for HTTP/1.1"
                      : "the connection was closed, and the request must not be sent again";
  if (result == CURLE_BAD_FUNCTION_ARGUMENT && detail[0] == '\0') detail = "a malformed header";
  if (result == CURLE_HTTP2 && detail[0] == '\0') detail = "the server closed the connection (GOAWAY)";
  sr_failure_set(failure, "FetchError", code, detail[0] != '\0' ? detail : curl_easy_strerror(result));
}

int sr_failure_breaks(const SrChannel *channel, CURLcode result) {
  return result == CURLE_RECV_ERROR && strstr(channel->detail, "nghttp2_session_mem_recv()") != NULL;
}

int sr_failure_push(lua_State *L, const SrFailure *failure) {
  luaL_checkstack(L, 7, NULL);
  lua_pushnil(L);
  lua_pushstring(L, failure->name);
  lua_pushstring(L, failure->code);
  lua_pushstring(L, failure->message != NULL ? failure->message : failure->code);
  if (failure->phase != NULL)
    lua_pushstring(L, failure->phase);
  else if (failure->status != 0)
    lua_pushinteger(L, failure->status);
  else
    lua_pushnil(L);
  lua_pushnumber(L, failure->seconds);
  lua_pushboolean(L, failure->stale);
  return 7;
}

void sr_failure_free(SrFailure *failure) {
  free(failure->message);
  *failure = (SrFailure){0};
}
