/* SPDX-License-Identifier: MIT */
/*
** A prepared request: everything that one request asks for, read once from the table that the Lua side prepared.
**
** It never changes, so it can be sent many times. It lives in a userdata at index 1 of its
** table; its strings are the table's, which therefore has to outlive every use.
*/
#ifndef SR_HTTP_REQUEST_H
#define SR_HTTP_REQUEST_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/api.h"

extern const SrHttpType sr_http_request_type;

/* Requests have it among their lines. */
#define SR_HTTP_USER_AGENT "saros/" SAROS_VERSION

/* Seconds from the beginning of what they limit; HUGE_VAL for no limit. */
typedef struct SrHttpLimits {
  double total, connect, read, pool;
} SrHttpLimits;

typedef struct SrHttpRequest SrHttpRequest;
struct SrHttpRequest {
  const SrHttpType *type;
  const void *session, *jar; /* the tables of its session and of the cookies, which its own anchors; to be compared */
  struct SrHttpPool *pool;   /* of its session, NULL before it is first sent; anchored by the userdata */
  const char *caller;        /* the function the user called */
  const char *key;           /* what limit_per_host counts by */
  const char *method;
  const char *head; /* all of it as HTTP/1.1 has it, but for what says how long the body is */
  size_t head_length;
  const char *body; /* NULL for none */
  size_t body_length;
  int64_t stream_length; /* of a streamed body, -1 if unknown */
  SrHttpLimits limits;
  int64_t max_body;
  bool https;
  bool streamed;   /* the body comes from an upload */
  bool repeatable; /* it may be sent again on a new connection */
  bool expects;    /* the server is to say that it wants the body */
  bool closes;     /* the connection is not to be used again */
  bool reports;    /* somebody wants to see its progress */
  bool retries;    /* it is sent again after some failures or responses */
  bool is_settled; /* saros' own connections have carried it, and will do so again */

  /* Where to connect to, for saros' own connections. */
  const char *place; /* what connections that may carry it have in common */
  unsigned place_hash;
  const char *host; /* a name or an address: the server's, or the proxy's */
  int port;
  const char *addresses;     /* of that host, commas between them; NULL: the system knows */
  const char *local_address; /* where the connection comes from, or NULL */
  const char *unix_socket;   /* to connect to instead, or NULL */
  bool is_internal;          /* where a task of this run listens, and nobody else connects */
  const char *tunnel;        /* what is said to the proxy first, or NULL */
  bool through_proxy;
  void *tls;               /* the context, see tls/face.h; NULL before secure() */
  const char *server_name; /* what the server has to prove, or NULL */
  const char *tls_key;     /* whose sessions are taken up again */

  void *loaded; /* what libcurl needs beside, once it has been asked for */
  void (*unload)(void *loaded);
};

/* Registers the metatable and adds prepare() and secure() to the table on top. [-0, +0, m] */
void sr_http_open_request(lua_State *L);

#endif
