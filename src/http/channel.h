/* SPDX-License-Identifier: MIT */
/*
** A channel: one of libcurl's easy handles, set up once and used for one request
** after another, and what a request has put on it.
*/
#ifndef SR_HTTP_CHANNEL_H
#define SR_HTTP_CHANNEL_H

#include "http/multi.h"
#include "http/plan.h"

/* Requests have it among their lines; libcurl needs to know it only for CONNECT. */
#define SR_USER_AGENT "saros/" SAROS_VERSION

typedef struct SrChannel SrChannel;

/* The callbacks of every channel; their context is the SrChannel. */
typedef struct SrHooks {
  curl_write_callback on_head;        /* a line of the head, or a trailer */
  curl_write_callback on_body;        /* a piece of the body, or of a line of the head before on_head has it */
  curl_read_callback on_wanted;       /* a piece of a streamed body is to be sent */
  curl_prereq_callback on_connected;  /* connected, about to send */
  curl_xferinfo_callback on_progress; /* only while a read timeout watches an upload */
} SrHooks;

/* What the method options on the handle are, so that only a change costs calls. */
typedef enum SrShape { SR_SHAPE_GET, SR_SHAPE_HEAD, SR_SHAPE_OTHER } SrShape;

struct SrChannel {
  CURL *easy;
  void *transfer; /* in flight on it, NULL while idle */
  const SrHooks *hooks;
  SrOutlet outlet;    /* of its sockets */
  SrChannel *next;    /* in the pool's list of idle ones */
  lua_Integer extras; /* the id of the rare options set on it, 0 for none */
  long max_idle;      /* seconds a connection may have idled and be used again, -1: libcurl's choice, 0: none */
  long patience;      /* CURLOPT_CONNECTTIMEOUT_MS, 0 for libcurl's own */
  SrShape shape;
  unsigned char proxied;  /* a proxy is set */
  unsigned char headed;   /* header lines of the present plan are set */
  unsigned char resolves; /* and its addresses */
  unsigned char waits;    /* for a connection that may carry many */
  unsigned char watched;  /* on_progress is called */
  unsigned char resent;   /* libcurl has sent a request again; it does so five times only until it is reset */
  char detail[CURL_ERROR_SIZE];
};

/* NULL: no memory. */
SrChannel *sr_channel_new(const SrHooks *hooks, long max_idle);
void sr_channel_free(SrChannel *channel);

/* Puts a request on the channel, which then points into the plan. After a failure it is of no more use. */
CURLcode sr_channel_load(SrChannel *channel, const SrPlan *plan);

/* The transfer is over: nothing of it stays on the channel. */
void sr_channel_unload(SrChannel *channel);

#endif
