/* SPDX-License-Identifier: MIT */
/*
** One libcurl multi handle on the loop of one run.
**
** Only this file pair and channel.c know libcurl's multi interface. Everything
** here is called from Lua, from timers or from libuv callbacks, never from inside
** a callback of libcurl.
*/
#ifndef SR_HTTP_MULTI_H
#define SR_HTTP_MULTI_H

#include <curl/curl.h>

#include "saros.h"

typedef struct SrMulti SrMulti;
typedef struct SrSocket SrSocket;

/* Where an easy handle gets its sockets from. */
typedef struct SrOutlet {
  SrMulti *multi;
  SrSocket *socket; /* that its request waited for last; NULL before, and when that is closed */
  int refusal;      /* the status (libuv's) with which the system refused the latest one; 0 if it did not */
} SrOutlet;

/* What a multi handle has to say about its transfers. */
typedef struct SrReports {
  /* libcurl ran out of memory and does not say for whom: none of the transfers can be relied upon. */
  void (*on_failure)(void *owner);
  /* It has ended with `result`; its handle is still to be removed. */
  void (*on_done)(CURL *easy, CURLcode result);
  /*
  ** Whether its socket is read; called from inside libcurl, when that may have changed. Gives its outlet, NULL
  ** if it has none.
  */
  SrOutlet *(*on_listening)(CURL *easy, int listens);
  /* Whether a transfer has been paused. */
  int (*is_pausing)(void *owner);
} SrReports;

/*
** A multi handle on `loop` that keeps at most `idle_limit` connections, each for as many requests at a
** time as its server takes, or for one only. NULL: no memory.
*/
SrMulti *sr_multi_new(const saros_api *saros, uv_loop_t *loop, long idle_limit, int multiplexes,
                      const SrReports *reports, void *owner);

/* Closes all connections and frees it. No easy handle may be in it any more. */
void sr_multi_close(SrMulti *multi);

/* Makes the sockets of `easy` those of the outlet's multi, once for each. */
void sr_multi_equip(SrOutlet *outlet, CURL *easy);

/* Starts the transfer of `easy` at once. It may have ended when this returns. False: no memory. */
int sr_multi_add(SrMulti *multi, CURL *easy);

/*
** Takes `easy`, with its outlet, out; a transfer in flight is cut off, whatever phase it is in, without
** waiting. `answered`: there was a head, so the connection may be kept. What libcurl held back of a `paused`
** one is written before. False: it could not be, and would come up in the next transfer of the handle.
*/
int sr_multi_remove(SrOutlet *outlet, CURL *easy, int paused, int answered);

/*
** Lets a paused transfer go on, but for the directions in `still` (CURLPAUSE_...). It may have ended when this
** returns. Whatever else than CURLE_OK comes out, the transfer has failed, and libcurl tells only here.
*/
CURLcode sr_multi_unpause(SrMulti *multi, CURL *easy, int still);

/* Ends the connection that `easy`, which is done, has had: libcurl would use it again. */
void sr_multi_break(CURL *easy);

/* Has a transfer that is not connected go on, though it waits for nothing. It may have ended when this returns. */
void sr_multi_nudge(SrMulti *multi, CURL *easy);

/* Connections open and used by no request. */
long sr_multi_idle(const SrMulti *multi);

#endif
