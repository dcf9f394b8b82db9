/* SPDX-License-Identifier: MIT */
/*
** One of libcurl's easy handles, set up once and used for one request
** after another, and what a request has put on it.
*/
#ifndef SR_HTTP_EASY_H
#define SR_HTTP_EASY_H

#include <stdbool.h>
#include "http/multi.h"
#include "http/request.h"

/* Requests have it among their lines; libcurl needs to know it only for CONNECT. */
#define SR_HTTP_USER_AGENT "saros/" SAROS_VERSION

typedef struct SrHttpEasy SrHttpEasy;

/* The callbacks of every easy handle; their context is the SrHttpEasy. */
typedef struct SrHttpHooks {
  curl_write_callback on_head;        /* a line of the head, or a trailer */
  curl_write_callback on_body;        /* a piece of the body, or of a line of the head before on_head has it */
  curl_read_callback on_wanted;       /* a piece of a streamed body is to be sent */
  curl_prereq_callback on_connected;  /* connected, about to send */
  curl_xferinfo_callback on_progress; /* only while a read timeout watches an upload */
} SrHttpHooks;

/* What the method options on the handle are, so that only a change costs calls. */
typedef enum SrHttpShape { SR_HTTP_SHAPE_GET, SR_HTTP_SHAPE_HEAD, SR_HTTP_SHAPE_OTHER } SrHttpShape;

struct SrHttpEasy {
  CURL *handle;
  void *transfer; /* in flight on it, NULL while idle */
  const SrHttpHooks *hooks;
  SrHttpOutlet outlet; /* of its sockets */
  SrHttpEasy *next;    /* in the pool's list of idle ones */
  lua_Integer extras;  /* the id of the rare options set on it, 0 for none */
  long max_idle;       /* seconds a connection may have idled and be used again, -1: libcurl's choice, 0: none */
  long patience;       /* CURLOPT_CONNECTTIMEOUT_MS, 0 for libcurl's own */
  SrHttpShape shape;
  bool proxied;  /* a proxy is set */
  bool headed;   /* header lines of the present request are set */
  bool resolves; /* and its addresses */
  bool waits;    /* for a connection that may carry many */
  bool watched;  /* on_progress is called */
  bool resent;   /* libcurl has sent a request again; it does so five times only until it is reset */
  char detail[CURL_ERROR_SIZE];
};

/* NULL: no memory. */
SrHttpEasy *sr_http_easy_new(const SrHttpHooks *hooks, long max_idle);
void sr_http_easy_free(SrHttpEasy *easy);

/* Puts a request on the handle, which then points into it. After a failure it is of no more use. */
CURLcode sr_http_easy_load(SrHttpEasy *easy, const SrHttpRequest *request);

/* The transfer is over: nothing of it stays on the handle. */
void sr_http_easy_unload(SrHttpEasy *easy);

#endif
