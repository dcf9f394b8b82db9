/* SPDX-License-Identifier: MIT */
/*
** What libcurl needs of a prepared request: options, lists, and the URL taken apart. It is read from the request's table
** when the request is first sent by libcurl, and belongs to the request from then on.
*/
#ifndef SR_CURL_REQUEST_H
#define SR_CURL_REQUEST_H

#include <curl/curl.h>
#include <lua.h>

#include "http/request.h"

/* A body no larger has left before its response comes: system and server take it at once. */
enum { SR_CURL_SENT_AT_ONCE = 8192 };

/* Options of a connection that are text for libcurl. */
typedef enum SrCurlText {
  SR_CURL_TEXT_CA_FILE,
  SR_CURL_TEXT_CA_PATH,
  SR_CURL_TEXT_CERT,
  SR_CURL_TEXT_KEY,
  SR_CURL_TEXT_USER, /* for digest authentication, as the password is */
  SR_CURL_TEXT_PASSWORD,
  SR_CURL_TEXT_INTERFACE,
  SR_CURL_TEXT_UNIX_SOCKET,
  SR_CURL_TEXT_COUNT
} SrCurlText;

/* Options of a connection: rarely there, and the same for many requests of a session. */
typedef struct SrCurlExtras {
  lua_Integer id; /* equal ids are equal extras; 0 for none */
  const char *texts[SR_CURL_TEXT_COUNT];
  struct curl_slist *resolve;    /* "+host:port:address" */
  struct curl_slist *connect_to; /* "host:port:address:", the same for this request alone; not through a proxy */
  struct curl_slist *aliases;    /* "+alias:port:addresses", of the addresses in `connect_to` that are none */
  long tls_min;                  /* for CURLOPT_SSLVERSION */
  bool unverified;               /* certificates are not looked at */
  bool digest;                   /* digest authentication */
  bool http1;                    /* not HTTP/2 */
} SrCurlExtras;

typedef struct SrCurlRequest {
  const char *url;
  CURLU *parsed; /* the same taken apart, so that libcurl need not for each request; NULL: libcurl refuses it */
  const char *proxy, *no_proxy; /* NULL for none */
  struct curl_slist *headers;
  unsigned sends;     /* how often it may go out */
  bool leaves_slowly; /* its response may come before all of it has left */
  bool unshared;      /* wants a connection that nobody else uses at the same time */
  SrCurlExtras extras;
} SrCurlRequest;

/* See SrHttpBackend. [-0, +0, m] */
void sr_curl_request_prepare(lua_State *L, int index, SrHttpRequest *request);

/* Of a request that has been prepared. */
static inline const SrCurlRequest *sr_curl_request_of(const SrHttpRequest *request) {
  return (const SrCurlRequest *)request->loaded;
}

#endif
