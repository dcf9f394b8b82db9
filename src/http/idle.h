/* SPDX-License-Identifier: MIT */
/*
** The connections of a pool that no request uses, by what they may carry, and in the order in which they came.
*/
#ifndef SR_HTTP_IDLE_H
#define SR_HTTP_IDLE_H

#include "http/conn.h"

enum { SR_HTTP_PLACE_CHAINS = 64 };

/* What a pool has for its own connections. */
typedef struct SrHttpOwn {
  SrHttpConn *chains[SR_HTTP_PLACE_CHAINS]; /* newest first */
  SrHttpConn *oldest, *newest;
  unsigned count;
  uv_timer_t *age; /* closes those that have idled for too long; NULL before there was one in this run */
  SrHttpNames names;
  SrIoContext *context;
} SrHttpOwn;

void sr_http_idle_put(SrHttpOwn *own, SrHttpConn *conn);
void sr_http_idle_remove(SrHttpOwn *own, SrHttpConn *conn);
/* The newest one for that place; NULL: there is none. It is still in the list. */
SrHttpConn *sr_http_idle_find(const SrHttpOwn *own, const char *place, unsigned hash);
/* The next one for the same place. */
SrHttpConn *sr_http_idle_next(const SrHttpConn *conn);

#endif
