/* SPDX-License-Identifier: MIT */
/*
** A plan: everything that one request asks for, read once from the table that the Lua side made.
**
** A plan never changes, so it can serve many requests. It lives in a userdata at index 1 of its
** table; its strings are the table's, which therefore has to outlive every use.
*/
#ifndef SR_HTTP_PLAN_H
#define SR_HTTP_PLAN_H

#include <curl/curl.h>
#include <lua.h>

/* Seconds from the beginning of what they limit; HUGE_VAL for no limit. */
typedef struct SrLimits {
  double total, connect, read, pool;
} SrLimits;

/* A body no larger has left before its answer comes: system and server take it at once. */
#define SR_SENT_AT_ONCE 8192

/* Options of a connection that are text for libcurl. */
typedef enum SrText {
  SR_TEXT_CA_FILE,
  SR_TEXT_CA_PATH,
  SR_TEXT_CERT,
  SR_TEXT_KEY,
  SR_TEXT_USER, /* for digest authentication, as the password is */
  SR_TEXT_PASSWORD,
  SR_TEXT_INTERFACE,
  SR_TEXT_UNIX_SOCKET,
  SR_TEXT_COUNT
} SrText;

/* Options of a connection: rarely there, and the same for many requests of a session. */
typedef struct SrExtras {
  lua_Integer id; /* equal ids are equal extras; 0 for none */
  const char *texts[SR_TEXT_COUNT];
  struct curl_slist *resolve;    /* "+host:port:address" */
  struct curl_slist *connect_to; /* "host:port:address:", the same for this request alone; not through a proxy */
  struct curl_slist *aliases;    /* "+alias:port:addresses", of the addresses in `connect_to` that are none */
  long tls_min;                  /* for CURLOPT_SSLVERSION */
  unsigned char unverified;      /* certificates are not looked at */
  unsigned char digest;          /* digest authentication */
  unsigned char http1;           /* not HTTP/2 */
} SrExtras;

typedef struct SrPlan {
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
  SrLimits limits;
  curl_off_t max_body;
  unsigned sends; /* how often it may go out */
  unsigned char https;
  unsigned char streamed; /* the body comes from an upload */
  unsigned char alone;    /* wants a connection that nobody else uses at the same time */
  SrExtras extras;
} SrPlan;

/* compile(plan): reads the table and puts the result at its index 1. [-1, +0, m] */
int sr_plan_compile(lua_State *L);

/* The plan of the table at `index`, or an argument error. [-0, +0, v] */
const SrPlan *sr_plan_check(lua_State *L, int index);

/* Registers the metatable. [-0, +0, m] */
void sr_plan_open(lua_State *L);

#endif
