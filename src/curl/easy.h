/* SPDX-License-Identifier: MIT */
/*
** One of libcurl's easy handles, set up once and used for one request
** after another, and what a request has put on it.
*/
#ifndef SR_CURL_EASY_H
#define SR_CURL_EASY_H

#include <stdbool.h>

#include "curl/lookup.h"
#include "curl/multi.h"
#include "curl/request.h"
#include "http/state.h"
#include "wire/body.h"
#include "wire/lines.h"

typedef struct SrCurlEasy SrCurlEasy;

/* The callbacks of every easy handle; their context is the SrCurlEasy. */
typedef struct SrCurlHooks {
  curl_write_callback on_head;        /* a line of the head, or a trailer */
  curl_write_callback on_body;        /* a piece of the body, or of a line of the head before on_head has it */
  curl_read_callback on_wanted;       /* a piece of a streamed body is to be sent */
  curl_prereq_callback on_connected;  /* connected, about to send */
  curl_xferinfo_callback on_progress; /* only while a read timeout watches an upload */
  curl_debug_callback on_word;        /* libcurl says something, once it has been asked to: see sr_curl_easy_listen */
} SrCurlHooks;

/* What the method options on the handle are, so that only a change costs calls. */
typedef enum SrCurlShape { SR_CURL_SHAPE_GET, SR_CURL_SHAPE_HEAD, SR_CURL_SHAPE_OTHER } SrCurlShape;

struct SrCurlEasy {
  CURL *handle;
  SrHttpTransfer *transfer; /* in flight on it, whose carrier it is; NULL while idle */
  const SrCurlHooks *hooks;
  SrCurlOutlet outlet; /* of its sockets */
  SrCurlEasy *next;    /* in the pool's list of idle ones */
  lua_Integer extras;  /* the id of the rare options set on it, 0 for none */
  long max_idle;       /* seconds a connection may have idled and be used again, -1: libcurl's choice, 0: none */
  long patience;       /* CURLOPT_CONNECTTIMEOUT_MS, 0 for libcurl's own */
  SrCurlShape shape;
  bool proxied;  /* a proxy is set */
  bool headed;   /* header lines of the present request are set */
  bool resolves; /* and its addresses */
  bool waits;    /* for a connection that may carry many */
  bool watched;  /* on_progress is called */
  bool heard;    /* so is on_word */
  bool refused;  /* on_connected has refused to send the present one over the latest connection */
  bool resent;   /* libcurl has sent a request again; it does so five times only until it is reset */
  char detail[CURL_ERROR_SIZE];

  SrCurlLookup *lookup;  /* of a name that was not found, else NULL */
  bool is_added;         /* it is in its multi handle */
  bool awaits_challenge; /* a 401 is answered by libcurl, once */
  bool ends_early;       /* the backend is called at once, to stop what libcurl would go on sending */
  bool not_reading;      /* libcurl does not read: it has paused, or the response has ended */
  bool within_line;      /* a piece of a line of the head has come that did not end it */
  curl_off_t sent;       /* bytes of the request's body, as on_progress saw it */
  double nudge_at;       /* while connecting: when libcurl is run next; with `lookup`: its end */
  SrWireLines head;      /* of the response */
  SrWireBody chunks;     /* of a chunked response */
  SrBuffer line;         /* bytes of a line between them that did not come whole */
  bool followed;         /* bytes have come behind the response */
};

/* NULL: no memory. */
SrCurlEasy *sr_curl_easy_new(const SrCurlHooks *hooks, long max_idle);
void sr_curl_easy_free(SrCurlEasy *easy);

/* Whether the request may go out (again). What HTTP/1.x has carried can be no stream that the server refuses. */
static inline bool sr_curl_may_leave(const SrCurlEasy *easy) {
  unsigned sends = sr_curl_request_of(easy->transfer->request)->sends;
  return easy->transfer->sends < (easy->outlet.single && sends > 2 ? 2 : sends);
}

/* The carrier of a transfer. */
static inline SrCurlEasy *sr_curl_easy_of(const SrHttpTransfer *transfer) {
  return (SrCurlEasy *)transfer->carrier;
}

/* Puts a request on the handle, which then points into it. After a failure it is of no more use. */
CURLcode sr_curl_easy_load(SrCurlEasy *easy, const SrHttpRequest *request);

/* on_word is called until the transfer is over. */
void sr_curl_easy_listen(SrCurlEasy *easy);

/* The transfer is over: nothing of it stays on the handle. */
void sr_curl_easy_unload(SrCurlEasy *easy);

#endif
