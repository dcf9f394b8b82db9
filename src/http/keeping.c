/* SPDX-License-Identifier: MIT */
/*
** Connections of HTTP/1.1: made, kept and closed, see keeping.h.
**
** Invariant: bytes of a connection that idles are watched for. Whatever comes then answers nobody, and the connection is
** closed at once.
*/
#include "http/keeping.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "http/idle.h"

/* In seconds: how long a connection is kept unless something else is said, as libcurl does. */
static const double USUAL_IDLE = 118;

/* So many are kept by a pool without a limit. */
enum { MOST_IDLE = 1000 };

static SrHttpOwn *own_of(const SrHttpPool *pool) {
  return pool->states[SR_HTTP_OWN];
}

SrHttpConn *sr_http_conn_new(SrHttpPool *pool, const SrHttpRequest *request) {
  size_t size = strlen(request->place) + 1;
  SrHttpConn *conn = calloc(1, sizeof *conn + size);
  if (conn == NULL) return NULL;
  memcpy(conn->place, request->place, size);
  conn->hash = request->place_hash;
  conn->pool = pool;
  return conn;
}

/* What is pending is dropped. A connection that has carried all it was to is closed in good order. */
static void let_go_of_transport(SrHttpConn *conn) {
  saros_transport *transport = conn->transport;
  conn->transport = NULL;
  if (transport == NULL) return;
  bool in_order = conn->write_status == 0 && transport->cls->pending(transport) == 0;
  transport->cls->close(transport, !in_order && conn->is_tls);
}

void sr_http_conn_close(SrHttpConn *conn) {
  if (conn->is_dead) return;
  if (conn->stage == SR_HTTP_IDLES) sr_http_idle_remove(own_of(conn->pool), conn);
  conn->is_dead = true;
  if (conn->dial != NULL) sr_http_dial_end(conn->dial);
  free(conn->dial);
  conn->dial = NULL;
  let_go_of_transport(conn);
  sr_buffer_free(&conn->in);
  if (conn->busy == 0) free(conn);
}

void sr_http_conn_enter(SrHttpConn *conn) {
  conn->busy++;
}

void sr_http_conn_leave(SrHttpConn *conn) {
  if (--conn->busy == 0 && conn->is_dead) free(conn);
}

/* --- idling ---------------------------------------------------------------------- */

static double longest_idle(const SrHttpPool *pool) {
  return pool->max_idle < 0 ? USUAL_IDLE : pool->max_idle;
}

/* A pool without a limit has one here all the same. */
static unsigned most_idle(const SrHttpPool *pool) {
  return pool->slots.limit == SR_HTTP_UNLIMITED ? MOST_IDLE : pool->slots.limit;
}

static bool is_old(const SrHttpConn *conn, double now) {
  return now - conn->idle_since >= longest_idle(conn->pool);
}

static void close_old(SrHttpPool *pool, double now) {
  SrHttpOwn *own = own_of(pool);
  while (own->oldest != NULL && is_old(own->oldest, now)) sr_http_conn_close(own->oldest);
}

static void on_age(uv_timer_t *timer);

/* No run goes on for its sake. Without memory for it those that are old are closed by the next request. */
static uv_timer_t *age_of(SrHttpPool *pool) {
  SrHttpOwn *own = own_of(pool);
  if (own->age != NULL) return own->age;
  own->age = malloc(sizeof *own->age);
  if (own->age == NULL) return NULL;
  uv_timer_init(sr_http_saros->loop(pool->runtime), own->age);
  uv_unref((uv_handle_t *)own->age);
  own->age->data = pool;
  return own->age;
}

/* Sees to it that the oldest one is closed in time. A timer that stands is left alone: it looks again when it fires. */
static void watch_age(SrHttpPool *pool, double now) {
  SrHttpOwn *own = own_of(pool);
  uv_timer_t *timer = own->oldest != NULL ? age_of(pool) : NULL;
  if (timer == NULL || uv_is_active((uv_handle_t *)timer)) return;
  double rest = own->oldest->idle_since + longest_idle(pool) - now;
  uv_timer_start(timer, on_age, (uint64_t)(rest * 1000) + 1, 0);
}

static void on_age(uv_timer_t *timer) {
  SrHttpPool *pool = timer->data;
  double now = sr_http_saros->now(pool->runtime);
  close_old(pool, now);
  watch_age(pool, now);
}

static bool can_idle(const SrHttpConn *conn) {
  return conn->is_whole && conn->keeps && conn->has_left && conn->write_status == 0 && longest_idle(conn->pool) > 0 &&
         conn->transport->cls->pending(conn->transport) == 0;
}

void sr_http_conn_retire(SrHttpConn *conn) {
  SrHttpPool *pool = conn->pool;
  SrHttpOwn *own = own_of(pool);
  if (conn->stage != SR_HTTP_CARRIES || !can_idle(conn)) {
    sr_http_conn_close(conn);
    return;
  }
  conn->stage = SR_HTTP_IDLES;
  conn->transfer = NULL;
  conn->idle_since = sr_http_saros->now(pool->runtime);
  sr_http_idle_put(own, conn);
  if (own->count == 1) watch_age(pool, conn->idle_since);
  conn->transport->cls->hold(conn->transport, 0);
  conn->transport->cls->start(conn->transport); /* it may have paused; what that finds may close it */
  if (own->count > most_idle(pool)) sr_http_conn_close(own->oldest);
}

static void on_age_closed(uv_handle_t *handle) {
  free(handle);
}

void sr_http_conn_close_idle(SrHttpPool *pool) {
  SrHttpOwn *own = own_of(pool);
  while (own->oldest != NULL) sr_http_conn_close(own->oldest);
  if (own->age != NULL) sr_http_saros->close((uv_handle_t *)own->age, on_age_closed);
  own->age = NULL;
}

long sr_http_conn_idle(const SrHttpPool *pool) {
  const SrHttpOwn *own = own_of(pool);
  if (own->count == 0) return 0; /* there may be no run */
  double now = sr_http_saros->now(pool->runtime);
  long count = (long)own->count;
  for (const SrHttpConn *conn = own->oldest; conn != NULL && is_old(conn, now); conn = conn->newer) count--;
  return count;
}

/* Whether something has come that the loop has not seen. Over TLS that may be a word of its own. */
static bool is_quiet(const SrHttpConn *conn) {
  uv_os_fd_t fd;
  if (uv_fileno(conn->transport->cls->handle(conn->transport), &fd) != 0) return false;
  return sr_socket_is_quiet((uv_os_sock_t)fd);
}

SrHttpConn *sr_http_conn_take(SrHttpPool *pool, const SrHttpRequest *request, double now) {
  SrHttpOwn *own = own_of(pool);
  if (own->count == 0) return NULL;
  close_old(pool, now);
  SrHttpConn *conn = sr_http_idle_find(own, request->place, request->place_hash), *next;
  for (; conn != NULL; conn = next) {
    next = sr_http_idle_next(conn);
    if (is_quiet(conn)) break;
    if (!conn->is_tls) sr_http_conn_close(conn);
  }
  if (conn == NULL) return NULL;
  sr_http_idle_remove(own, conn);
  conn->stage = SR_HTTP_CARRIES;
  return conn;
}
