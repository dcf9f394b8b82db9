/* SPDX-License-Identifier: MIT */
/*
** Pool, connect, read and total, see deadline.h.
*/
#include "http/deadline.h"

#include <math.h>

/* A deadline counts as reached when the timer fires this much early. */
static const double TIMER_SLACK = 0.0005;

/* How often libcurl is told to go on while it connects. */
static const double NUDGE_INTERVAL = 0.25;

/* In seconds: the resolver has been asked before, so if it has no answer by then it has none at all. */
static const double LOOKUP_LIMIT = 1;

/* If the timer is this late, Lua code has held the loop; the server need not have been silent. */
static const double LATE = 0.05;

/* When the transfer fails. The read timeout counts only while the server is the slow one. */
static double limit_of(const SrHttpTransfer *transfer) {
  switch (transfer->phase) {
  case SR_HTTP_QUEUED:
    if (transfer->slot.state == SR_HTTP_SLOT_HELD) return transfer->total_at;
    return fmin(transfer->total_at, transfer->pool_at);
  case SR_HTTP_CONNECTING:
  case SR_HTTP_LOOKING_UP: return fmin(transfer->total_at, transfer->connect_at);
  default:
    if (transfer->paused || sr_http_awaits_upload(transfer)) return transfer->total_at;
    return fmin(transfer->total_at, transfer->last_byte + transfer->request->limits.read);
  }
}

void sr_http_deadline_begin(SrHttpTransfer *transfer) {
  double now = sr_http_saros->now(transfer->pool->runtime);
  transfer->connect_at = now + transfer->request->limits.connect;
  transfer->nudge_at = now + NUDGE_INTERVAL;
}

double sr_http_deadline_nearest(const SrHttpTransfer *transfer) {
  if (transfer->ends_early) return 0;
  double limit = limit_of(transfer);
  bool is_nudged = transfer->phase == SR_HTTP_CONNECTING || transfer->phase == SR_HTTP_LOOKING_UP;
  return is_nudged ? fmin(limit, transfer->nudge_at) : limit;
}

void sr_http_deadline_look_up(SrHttpTransfer *transfer) {
  transfer->nudge_at = sr_http_saros->now(transfer->pool->runtime) + LOOKUP_LIMIT;
}

bool sr_http_deadline_nudges(SrHttpTransfer *transfer, double now) {
  if (transfer->nudge_at > now + TIMER_SLACK) return false;
  transfer->nudge_at = now + NUDGE_INTERVAL;
  return true;
}

/*
** Bytes, or the connection, may have come while Lua code held the loop. Then the deadline is moved to the present once,
** so that the loop looks at the sockets before it counts as passed.
*/
static bool grant_grace(SrHttpTransfer *transfer, double now) {
  bool connected = transfer->phase > SR_HTTP_LOOKING_UP;
  double *deadline = connected ? &transfer->last_byte : &transfer->connect_at;
  double allowed = connected ? transfer->request->limits.read : 0;
  if (transfer->total_at <= now || transfer->phase == SR_HTTP_QUEUED) return false;
  if (now - (*deadline + allowed) < LATE) return false;
  *deadline = now - allowed;
  return true;
}

bool sr_http_deadline_passes(SrHttpTransfer *transfer, double now) {
  const SrHttpLimits *limits = &transfer->request->limits;
  SrHttpFailure *failure = &transfer->failure;
  now += TIMER_SLACK;
  if (limit_of(transfer) > now || grant_grace(transfer, now)) return false;
  if (transfer->total_at <= now)
    sr_http_failure_timeout(failure, "total", limits->total);
  else if (transfer->phase == SR_HTTP_QUEUED)
    sr_http_failure_timeout(failure, "pool", limits->pool);
  else if (transfer->phase == SR_HTTP_CONNECTING)
    sr_http_failure_timeout(failure, "connect", limits->connect);
  else
    sr_http_failure_timeout(failure, "read", limits->read);
  return true;
}

void sr_http_deadline_fail_connecting(SrHttpTransfer *transfer) {
  const SrHttpLimits *limits = &transfer->request->limits;
  if (limits->connect <= limits->total && limits->connect < HUGE_VAL)
    sr_http_failure_timeout(&transfer->failure, "connect", limits->connect);
  else if (limits->total < HUGE_VAL)
    sr_http_failure_timeout(&transfer->failure, "total", limits->total);
}
