/* SPDX-License-Identifier: MIT */
/*
** Why an exchange failed: written by callbacks in C, read by whoever raises it in Lua.
*/
#ifndef SR_HTTP_FAILURE_H
#define SR_HTTP_FAILURE_H

#include <lua.h>

#include "http/channel.h"

typedef struct SrFailure {
  const char *name;    /* of the Error object, "FetchError"; NULL while nothing has failed */
  const char *code;    /* libuv's name where the system spoke, else one of the contract's */
  const char *phase;   /* of a TimeoutError: "total", "connect", "read", "pool" */
  double seconds;      /* of a TimeoutError: what the caller allowed */
  unsigned char stale; /* a kept-alive connection turned out dead, and there was no answer */
  long status;         /* EPROXY: what the proxy answered, 0 if nothing */
  char *message;       /* ours to free; NULL if there was no memory for it */
} SrFailure;

/* Records a failure, unless there is one already: the first one is the cause. */
void sr_failure_set(SrFailure *failure, const char *name, const char *code, const char *message);

/* Records that a deadline passed. */
void sr_failure_timeout(SrFailure *failure, const char *phase, double seconds);

/* Records libcurl's verdict on the transfer of a plan on a channel; `has_head`: the answer had begun. */
void sr_failure_curl(SrFailure *failure, const SrChannel *channel, const SrPlan *plan, CURLcode result, int has_head);

/* Whether libcurl's verdict is that of nghttp2 on a whole connection, which libcurl 7.88 takes for that of one stream. */
int sr_failure_breaks(const SrChannel *channel, CURLcode result);

/* nil, name, code, message, phase or status, seconds, stale [-0, +7, m] */
int sr_failure_push(lua_State *L, const SrFailure *failure);

void sr_failure_free(SrFailure *failure);

#endif
