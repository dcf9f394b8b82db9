/* SPDX-License-Identifier: MIT */
/*
** Pool, connect, read and total, see deadline.h.
*/
#include "http/deadline.h"

#include <math.h>

/* If the timer is this late, Lua code has held the loop; the server need not have been silent. */
static const double LATE = 0.05;

/* When the transfer fails. The read timeout counts only while the server is the slow one. */
static double limit_of(const SrHttpTransfer *transfer) {
  switch (transfer->phase) {
  case SR_HTTP_QUEUED:
    if (transfer->slot.state == SR_HTTP_SLOT_HELD) return transfer->total_at;
    return fmin(transfer->total_at, transfer->pool_at);
  case SR_HTTP_CONNECTING: return fmin(transfer->total_at, transfer->connect_at);
  default:
    if (transfer->paused || sr_http_awaits_upload(transfer)) return transfer->total_at;
    return fmin(transfer->total_at, transfer->last_byte + transfer->request->limits.read);
  }
}

void sr_http_deadline_begin_at(SrHttpTransfer *transfer, double now) {
  transfer->connect_at = now + transfer->request->limits.connect;
}

void sr_http_deadline_begin(SrHttpTransfer *transfer) {
  sr_http_deadline_begin_at(transfer, sr_http_saros->now(transfer->pool->runtime));
}

double sr_http_deadline_nearest(const SrHttpTransfer *transfer) {
  return fmin(limit_of(transfer), transfer->backend_at);
}

/*
** Bytes, or the connection, may have come while Lua code held the loop. Then the deadline is moved to the present once,
** so that the loop looks at the sockets before it counts as passed.
*/
static bool grant_grace(SrHttpTransfer *transfer, double now) {
  bool connected = transfer->phase > SR_HTTP_CONNECTING;
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
  now += SR_HTTP_TIMER_SLACK;
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
