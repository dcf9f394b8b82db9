/* SPDX-License-Identifier: MIT */
/*
** One libcurl multi handle on the loop of one run.
**
** Only this file pair knows libcurl's multi interface. Whatever is declared here is called
** from Lua, from timers or from callbacks of libuv, never from inside a callback of libcurl,
** but for sr_curl_multi_send; what libcurl itself calls are the reports.
*/
#ifndef SR_CURL_MULTI_H
#define SR_CURL_MULTI_H

#include <stdbool.h>
#include <curl/curl.h>

#include "curl/socket.h"

typedef struct SrCurlMulti SrCurlMulti;
/* What a multi handle has to say about its transfers. */
typedef struct SrCurlReports {
  /* libcurl ran out of memory and does not say for whom: none of the transfers can be relied upon. */
  void (*on_failure)(void *owner);
  /* It has ended with `result`; its handle is still to be removed. */
  void (*on_done)(CURL *handle, CURLcode result);
  /*
  ** Whether its socket is read; called from inside libcurl, when that may have changed. Gives its outlet, NULL
  ** if it has none.
  */
  SrCurlOutlet *(*on_listening)(CURL *handle, bool listens);
  /* Whether a transfer has been paused. */
  bool (*is_pausing)(void *owner);
} SrCurlReports;

/*
** A multi handle on `loop` that keeps at most `idle_limit` connections, each for as many requests at a
** time as its server takes, or for one only. NULL: no memory.
*/
SrCurlMulti *sr_curl_multi_new(uv_loop_t *loop, long idle_limit, bool multiplexes, const SrCurlReports *reports,
                               void *owner);

/* Closes all connections and frees it. No easy handle may be in it any more. */
void sr_curl_multi_close(SrCurlMulti *multi);

/* Makes the sockets of `handle` those of the outlet's multi, once for each. */
void sr_curl_multi_equip(SrCurlOutlet *outlet, CURL *handle);

/* Starts the transfer of `handle` at once. It may have ended when this returns. False: no memory. */
bool sr_curl_multi_add(SrCurlMulti *multi, CURL *handle);

/*
** Takes `handle`, with its outlet, out; a transfer in flight is cut off, whatever phase it is in, without
** waiting. `has_head`: a response has begun, so the connection may be kept. What libcurl held back of a `paused`
** one is written before. False: it could not be, and would come up in the next transfer of the handle.
*/
bool sr_curl_multi_remove(SrCurlOutlet *outlet, CURL *handle, bool paused, bool has_head);

/* From inside libcurl: the request of `outlet` goes out now, over a connection whose port on this side is `port`. */
void sr_curl_multi_send(SrCurlOutlet *outlet, int port);

/*
** Lets a paused transfer go on, but for the directions in `still` (CURLPAUSE_...). It may have ended when this
** returns. Whatever else than CURLE_OK comes out, the transfer has failed, and libcurl tells only here.
*/
CURLcode sr_curl_multi_unpause(SrCurlMulti *multi, CURL *handle, int still);

/* Ends the connection that `handle` with its outlet, which is done, has had: libcurl would use it again. */
void sr_curl_multi_break(const SrCurlOutlet *outlet, CURL *handle);

/* Has a transfer that is not connected go on, though it waits for nothing. It may have ended when this returns. */
void sr_curl_multi_nudge(SrCurlMulti *multi, CURL *handle);

/* Connections open and used by no request. */
long sr_curl_multi_idle(const SrCurlMulti *multi);

/* Connections open that carry one request at a time, less the requests that use one or will. Not below 0. */
long sr_curl_multi_spare(const SrCurlMulti *multi);

/*
** Its connections are not needed any more: `on_unused`, which may close it, is called as soon as no request is under way,
** unless it has connections of HTTP/2 then.
*/
void sr_curl_multi_leave(SrCurlMulti *multi, void (*on_unused)(void *owner, SrCurlMulti *multi));

#endif
