/* SPDX-License-Identifier: MIT */
/*
** libcurl's result codes as the codes of the contract, see failure.h.
**
** An error of the system keeps its name (ECONNREFUSED, EHOSTUNREACH). Some of libcurl's results stand for several
** things (RECV_ERROR for a reset, for a broken chunk and for an end of TLS without goodbye): errno and text tell them
** apart.
*/
#include "curl/verdict.h"

#include <string.h>

#include "base/platform.h"

/* The name of a status of libuv's; 0 is none. */
static const char *system_code(int status, const char *otherwise) {
  return status != 0 ? uv_err_name(status) : otherwise;
}

/*
** The error of the system that the text names, as libuv's status; 0 for none. Only the text belongs to this failure for
** certain: libcurl keeps the errno of an attempt to connect that failed before another succeeded, and that of former
** transfers, and over TLS it has none at all.
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

/* With TLS 1.3 the client is done with the handshake before the server refuses its certificate, by an alert. */
static bool is_alert(const char *detail) {
  return strstr(detail, "SSL") != NULL && strstr(detail, " alert ") != NULL;
}

static const char *transport_code(const char *detail, bool has_head) {
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

/* With SOCKS libcurl says that it could not resolve a host where it means the proxy. */
static bool is_of_proxy(const SrHttpRequest *request, const char *detail) {
  static const char words[] = "Could not resolve host: ";
  const char *proxy = sr_curl_request_of(request)->proxy;
  if (proxy == NULL || strncmp(detail, words, sizeof words - 1) != 0) return false;
  return strstr(proxy, detail + sizeof words - 1) != NULL && strstr(request->key, detail + sizeof words - 1) == NULL;
}

/* And it says that the proxy failed where it could not look up the host for it. */
static bool is_of_host(CURL *handle) {
  long reason = CURLPX_OK;
  curl_easy_getinfo(handle, CURLINFO_PROXY_ERROR, &reason);
  return reason == CURLPX_RESOLVE_HOST;
}

/* libcurl calls a line that is too long one that it has no memory for; over HTTP/2, a head or trailers. */
static bool is_large_head(CURL *handle, CURLcode result, const char *detail, bool has_head) {
  static const char of_callback[] = "mem_recv() returned -902", of_frames[] = "mem_recv() returned -905";
  curl_off_t begun = 0;
  if (result == CURLE_RECV_ERROR && strncmp(detail, "Too large response headers", 26) == 0) return true;
  if (result == CURLE_RECV_ERROR && (strstr(detail, of_callback) != NULL || strstr(detail, of_frames) != NULL))
    return true;
  if (result == CURLE_RECV_ERROR && strcmp(detail, "CONNECT response too large") == 0) return true;
  if (result != CURLE_OUT_OF_MEMORY || has_head) return false;
  curl_easy_getinfo(handle, CURLINFO_STARTTRANSFER_TIME_T, &begun);
  return begun > 0;
}

/* nghttp2 resets the stream for a malformed head, too. If the head was well, the body is not what that says. */
static const char *stream_code(const char *detail, bool has_head) {
  if (has_head) return "ETRUNCATED";
  return strstr(detail, "PROTOCOL_ERROR") != NULL ? "EPROTO" : "ECONNRESET";
}

static const char *plain_code(CURLcode result, int status, const char *detail, bool has_head) {
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
** Whether the connection had served others before. If libcurl meant to send the request again it has opened another
** one. A server that goes away (GOAWAY) before it has looked at a request may do so on any connection. A stream that
** is reset says nothing of its connection.
*/
static bool was_stale(CURL *handle, CURLcode result) {
  long opened = 0;
  if (result == CURLE_HTTP2) return true;
  if (result == CURLE_HTTP2_STREAM) return false;
  curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &opened);
  return opened == 0 || result == CURLE_SEND_FAIL_REWIND || result == CURLE_ABORTED_BY_CALLBACK;
}

/* What the system said, as libuv's status: when it refused a socket, or else by errno. */
static int status_of(const SrCurlEasy *easy, CURLcode result) {
  long number = 0;
  if (result == CURLE_COULDNT_CONNECT && easy->outlet.refusal != 0) return easy->outlet.refusal;
  curl_easy_getinfo(easy->handle, CURLINFO_OS_ERRNO, &number);
  return uv_translate_sys_error((int)number);
}

/* What a proxy says to CONNECT is no answer, or breaks off. */
static const char no_status[] = "CONNECT tunnel failed, response 0", no_end[] = "Proxy CONNECT aborted";

/* The code of the failure, but for a tunnel that was refused and a head that is too large. */
static const char *code_of(const SrCurlEasy *easy, const SrHttpRequest *request, CURLcode result, bool has_head) {
  const char *code = tls_code(result);
  if (code == NULL) code = plain_code(result, status_of(easy, result), easy->detail, has_head);
  if (result == CURLE_COULDNT_RESOLVE_HOST && is_of_proxy(request, easy->detail)) return "EPROXY";
  if (result == CURLE_PROXY && is_of_host(easy->handle)) return "ENOTFOUND";
  if (result == CURLE_RECV_ERROR && strcmp(easy->detail, no_status) == 0) return "EPROTO";
  if (result == CURLE_RECV_ERROR && strcmp(easy->detail, no_end) == 0) return "EPROXY";
  return code;
}

/* What to say where libcurl's own text says nothing, or something else. */
static const char *text_of(const SrCurlEasy *easy, CURLcode result, const char *code, bool has_head) {
  const char *detail = easy->detail;
  bool refuses_expect = has_head && easy->transfer->head.status == 417; /* libcurl means to ask without it */
  if (strcmp(code, "ENOMEM") == 0) return "not enough memory";
  if (result == CURLE_COULDNT_CONNECT && easy->outlet.refusal != 0) return sr_status_text(easy->outlet.refusal);
  if (result == CURLE_ABORTED_BY_CALLBACK && refuses_expect)
    return "the server refuses Expect (417), and libcurl drops the body of that response";
  if (result == CURLE_ABORTED_BY_CALLBACK)
    return has_head ? "the server broke off its response and asks for HTTP/1.1"
                    : "the connection was closed, and the request must not be sent again";
  if (detail[0] != '\0') return detail;
  if (result == CURLE_BAD_FUNCTION_ARGUMENT) return "a malformed header";
  if (result == CURLE_HTTP2) return "the server closed the connection (GOAWAY)";
  return curl_easy_strerror(result);
}

void sr_curl_verdict(SrHttpFailure *failure, const SrCurlEasy *easy, const SrHttpRequest *request, CURLcode result,
                     bool has_head) {
  CURL *handle = easy->handle;
  long connect_status = 0;
  const char *code = code_of(easy, request, result, has_head);
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &connect_status);
  if (connect_status != 0 && connect_status / 100 != 2) {
    code = "EPROXY";
    failure->status = (int)connect_status;
  }
  failure->stale = !has_head && strcmp(code, "ECONNRESET") == 0 && was_stale(handle, result);
  if (is_large_head(handle, result, easy->detail, has_head))
    sr_http_failure_set(failure, "FetchError", "ETOOLARGE", "the response headers are too large");
  else
    sr_http_failure_set(failure, "FetchError", code, text_of(easy, result, code, has_head));
}

bool sr_curl_verdict_breaks(const SrCurlEasy *easy, CURLcode result) {
  return result == CURLE_RECV_ERROR && strstr(easy->detail, "nghttp2_session_mem_recv()") != NULL;
}
