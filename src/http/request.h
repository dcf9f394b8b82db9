/* SPDX-License-Identifier: MIT */
/*
** A prepared request: everything that one request asks for, read once from the table that the Lua side prepared.
**
** It never changes, so it can be sent many times. It lives in a userdata at index 1 of its
** table; its strings are the table's, which therefore has to outlive every use.
*/
#ifndef SR_HTTP_REQUEST_H
#define SR_HTTP_REQUEST_H

#include <stdbool.h>
#include <curl/curl.h>
#include <lua.h>

#define SR_HTTP_REQUEST_TYPE "saros.http.request"

/* Seconds from the beginning of what they limit; HUGE_VAL for no limit. */
typedef struct SrHttpLimits {
  double total, connect, read, pool;
} SrHttpLimits;

/* A body no larger has left before its response comes: system and server take it at once. */
enum { SR_HTTP_SENT_AT_ONCE = 8192 };

/* Options of a connection that are text for libcurl. */
typedef enum SrHttpText {
  SR_HTTP_TEXT_CA_FILE,
  SR_HTTP_TEXT_CA_PATH,
  SR_HTTP_TEXT_CERT,
  SR_HTTP_TEXT_KEY,
  SR_HTTP_TEXT_USER, /* for digest authentication, as the password is */
  SR_HTTP_TEXT_PASSWORD,
  SR_HTTP_TEXT_INTERFACE,
  SR_HTTP_TEXT_UNIX_SOCKET,
  SR_HTTP_TEXT_COUNT
} SrHttpText;

/* Options of a connection: rarely there, and the same for many requests of a session. */
typedef struct SrHttpExtras {
  lua_Integer id; /* equal ids are equal extras; 0 for none */
  const char *texts[SR_HTTP_TEXT_COUNT];
  struct curl_slist *resolve;    /* "+host:port:address" */
  struct curl_slist *connect_to; /* "host:port:address:", the same for this request alone; not through a proxy */
  struct curl_slist *aliases;    /* "+alias:port:addresses", of the addresses in `connect_to` that are none */
  long tls_min;                  /* for CURLOPT_SSLVERSION */
  bool unverified;               /* certificates are not looked at */
  bool digest;                   /* digest authentication */
  bool http1;                    /* not HTTP/2 */
} SrHttpExtras;

typedef struct SrHttpRequest {
  const char *caller; /* the function the user called */
  const char *key;    /* what limit_per_host counts by */
  const char *url;
  CURLU *parsed; /* the same taken apart, so that libcurl need not for each request; NULL: libcurl refuses it */
  const char *method;
  const char *body; /* NULL for none */
  size_t body_length;
  curl_off_t stream_length;     /* of a streamed body, -1 if unknown */
  const char *proxy, *no_proxy; /* NULL for none */
  struct curl_slist *headers;
  SrHttpLimits limits;
  curl_off_t max_body;
  unsigned sends; /* how often it may go out */
  bool https;
  bool streamed;      /* the body comes from an upload */
  bool leaves_slowly; /* its response may come before all of it has left */
  bool unshared;      /* wants a connection that nobody else uses at the same time */
  SrHttpExtras extras;
} SrHttpRequest;

/* Registers the metatable and adds prepare() to the table on top. [-0, +0, m] */
void sr_http_open_request(lua_State *L);

#endif
