/* SPDX-License-Identifier: MIT */
/*
** Exchanges over saros' own connections, see exchange.h: from a place to connect to, or a connection that idles, to the
** last byte of the response.
*/
#include "http/exchange.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/content.h"
#include "http/deadline.h"
#include "http/idle.h"
#include "http/keeping.h"
#include "http/receiving.h"
#include "http/secure.h"
#include "http/sending.h"
#include "http/transfer.h"

/* So long a server that was to say that it wants the body may keep silent about it, in seconds. */
static const double PATIENCE = 1;

static const saros_sink sink;

static SrHttpOwn *own_of(const SrHttpPool *pool) {
  return pool->states[SR_HTTP_OWN];
}

static SrHttpConn *conn_of(const SrHttpTransfer *transfer) {
  return transfer->carrier;
}

static void fail(SrHttpConn *conn, const char *code, const char *message) {
  sr_http_transfer_fail(conn->transfer, "FetchError", code, message);
}

static void tie(SrHttpConn *conn, SrHttpTransfer *transfer) {
  conn->transfer = transfer;
  transfer->carrier = conn;
}

/* --- the exchange itself --------------------------------------------------------- */

static void reset(SrHttpConn *conn) {
  sr_wire_message_open(&conn->message, true);
  conn->heads = conn->at = 0;
  conn->has_begun = conn->has_head = conn->is_whole = conn->has_left = conn->keeps = false;
}

static void send_on(SrHttpConn *conn) {
  if (!conn->is_whole) sr_http_sending_go_on(conn);
}

/* It is connected: the request leaves, and the response is waited for. The transfer may have ended when this returns. */
static void carry(SrHttpConn *conn) {
  SrHttpTransfer *transfer = conn->transfer;
  reset(conn);
  conn->stage = SR_HTTP_CARRIES;
  conn->awaits_go = transfer->request->expects;
  conn->transport->cls->hold(conn->transport, 1);
  if (conn->awaits_go) transfer->backend_at = sr_http_saros->now(transfer->pool->runtime) + PATIENCE;
  bool is_good = sr_http_transfer_connected(transfer);
  if (is_good && conn->awaits_go && !sr_http_transfer_try_arm(transfer))
    is_good = sr_http_transfer_refuse(transfer, "ENOMEM", "not enough memory");
  if (!is_good) {
    sr_http_transfer_end(transfer);
    return;
  }
  sr_http_conn_enter(conn);
  send_on(conn);
  if (!conn->is_dead) conn->transport->cls->start(conn->transport);
  sr_http_conn_leave(conn);
}

/* Nobody reads fast enough: no more is read. */
static void hold_back(SrHttpConn *conn) {
  SrHttpTransfer *transfer = conn->transfer;
  if (!sr_http_transfer_is_full(transfer)) return;
  transfer->paused = true;
  conn->transport->cls->stop(conn->transport);
  conn->transport->cls->hold(conn->transport, 0);
}

static void take(SrHttpConn *conn, const char *bytes, size_t count) {
  SrHttpTransfer *transfer = conn->transfer;
  bool awaited_go = conn->awaits_go;
  sr_http_transfer_touch(transfer);
  bool is_good = sr_http_receiving_take(conn, bytes, count);
  if (!is_good || conn->is_whole) {
    sr_http_transfer_end(transfer);
    return;
  }
  if (sr_buffer_length(&transfer->body) > 0) sr_http_transfer_wake(transfer, SR_HTTP_AWAITS_DATA);
  if (conn->has_head) hold_back(conn);
  if (awaited_go && !conn->awaits_go) send_on(conn);
}

/* --- opening ----------------------------------------------------------------------- */

static void open_conn(SrHttpTransfer *transfer);

/* Whether the connection had served others and turns out dead, and the request may be sent again. */
static bool is_sent_again(const SrHttpConn *conn) {
  const SrHttpTransfer *transfer = conn->transfer;
  const SrHttpRequest *request = transfer->request;
  return transfer->failure.stale && request->repeatable && !request->streamed && transfer->sends < 2;
}

static void send_again(SrHttpConn *conn) {
  SrHttpTransfer *transfer = conn->transfer;
  sr_http_failure_free(&transfer->failure);
  transfer->carrier = NULL;
  sr_http_conn_close(conn);
  transfer->phase = SR_HTTP_CONNECTING;
  sr_http_deadline_begin(transfer);
  open_conn(transfer);
  if (sr_http_is_open(transfer)) sr_http_transfer_arm(transfer);
}

/* Whether a line of the response has come: one that breaks off is no answer, as it is none for libcurl. */
static bool has_line(const SrHttpConn *conn) {
  return conn->heads > 0 || conn->message.first > 0;
}

/* Nothing follows on a connection that carries an exchange. */
static void end(SrHttpConn *conn, int status) {
  SrHttpTransfer *transfer = conn->transfer;
  const char *reason = status == SAROS_ETRANSPORT && conn->is_tls ? sr_http_tls->reason(conn->transport) : NULL;
  if (reason != NULL) sr_http_transfer_refuse(transfer, "ETLS", reason); /* the first failure is the cause */
  sr_http_receiving_end(conn, status);
  transfer->failure.stale = transfer->failure.name != NULL && !conn->is_fresh && !has_line(conn) && reason == NULL;
  if (is_sent_again(conn))
    send_again(conn);
  else
    sr_http_transfer_end(transfer);
}

/* --- on the way to a connection ------------------------------------------------------ */

/* The handshake of TLS; the transport stands on the former one. */
static void shake_hands(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  saros_transport *below = conn->transport;
  conn->stage = SR_HTTP_SHAKES;
  below->cls->stop(below);
  saros_transport *above =
      sr_http_tls->client(request->tls, below, &sink, conn, request->server_name, request->tls_key);
  if (above == NULL) {
    below->sink = &sink; /* as it was */
    below->owner = conn;
    fail(conn, "ENOMEM", "not enough memory");
    return;
  }
  conn->transport = above;
  conn->is_tls = true;
  above->cls->hold(above, 1);
  above->cls->start(above);
}

/* The other side of the handshake or of the tunnel has gone. */
static void fail_opening(SrHttpConn *conn, int status) {
  if (conn->stage == SR_HTTP_SHAKES)
    fail(conn, status == UV_ENOMEM ? "ENOMEM" : "ETLS",
         status == SAROS_ETRANSPORT ? sr_http_tls->reason(conn->transport)
                                    : "the connection ended within the handshake");
  else
    fail(conn, "EPROXY", "the proxy closed the connection");
}

static void go_on_opening(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  if (request->tls != NULL && !conn->is_tls)
    shake_hands(conn);
  else
    carry(conn);
}

static void ask_proxy(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  uv_buf_t buf = uv_buf_init((char *)request->tunnel, (unsigned)strlen(request->tunnel));
  conn->stage = SR_HTTP_TUNNELS;
  sr_wire_message_open(&conn->message, true);
  conn->transport->cls->hold(conn->transport, 1);
  if (conn->transport->cls->write(conn->transport, &buf, 1) < 0)
    fail_opening(conn, UV_EPIPE);
  else
    conn->transport->cls->start(conn->transport);
}

/* The proxy's word on the tunnel is there. */
static void hear_proxy(SrHttpConn *conn, int status, size_t rest) {
  char text[64];
  if (status / 100 == 2 && rest == 0) {
    sr_buffer_free(&conn->in);
    go_on_opening(conn);
    return;
  }
  conn->transfer->failure.status = status / 100 == 2 ? 0 : status;
  snprintf(text, sizeof text, "the proxy refused to connect: %d", status);
  fail(conn, status / 100 == 2 ? "ETLS" : "EPROXY", status / 100 == 2 ? "something comes before TLS" : text);
}

/* No line may be longer than libcurl takes it here (DYN_PROXY_CONNECT_HEADERS). */
static const SrWireLimits tunnel_limits = {.head = 262144, .line = 16383, .fields = UINT_MAX};

/* Interim responses come before it, as few as before any other. */
static SrWireFaultKind read_word_of_proxy(SrHttpConn *conn) {
  SrWireMessage *message = &conn->message;
  for (;;) {
    size_t length = sr_buffer_length(&conn->in);
    SrWireFaultKind fault = sr_wire_message_read(message, sr_buffer_front(&conn->in), length, &tunnel_limits);
    bool is_interim = message->length > 0 && message->status < 200 && message->status != 101;
    if (fault != SR_WIRE_NO_FAULT || !is_interim) return fault;
    conn->heads += message->length;
    if (conn->heads > tunnel_limits.head) return SR_WIRE_LARGE_HEAD;
    sr_buffer_take(&conn->in, message->length);
    sr_wire_message_open(message, true);
  }
}

static void take_word_of_proxy(SrHttpConn *conn, const char *bytes, size_t count) {
  if (!sr_buffer_append(&conn->in, bytes, count)) {
    fail(conn, "ENOMEM", "not enough memory");
    return;
  }
  SrWireFaultKind fault = read_word_of_proxy(conn);
  if (fault != SR_WIRE_NO_FAULT) {
    sr_http_content_refuse(conn->transfer, fault);
    sr_http_transfer_end(conn->transfer);
  } else if (conn->message.length > 0)
    hear_proxy(conn, conn->message.status, sr_buffer_length(&conn->in) - conn->message.length);
}

static void on_dialled(void *owner, SrIoPlain *plain) {
  SrHttpConn *conn = owner;
  free(conn->dial);
  conn->dial = NULL;
  plain->is_brief = true;
  plain->base.sink = &sink;
  plain->base.owner = conn;
  conn->transport = &plain->base;
  conn->pool->connections++;
  sr_http_conn_enter(conn);
  if (conn->transfer->request->tunnel != NULL)
    ask_proxy(conn);
  else
    go_on_opening(conn);
  sr_http_conn_leave(conn);
}

static void on_dial_failed(void *owner, const SrHttpDialFailure *failure) {
  SrHttpConn *conn = owner;
  bool is_proxys = failure->lookup_failed && conn->transfer->request->through_proxy;
  fail(conn, is_proxys ? "EPROXY" : failure->code, failure->message);
}

/* Opens a connection for the transfer. It may have ended when this returns. */
static void open_conn(SrHttpTransfer *transfer) {
  SrHttpConn *conn = sr_http_conn_new(transfer->pool, transfer->request);
  SrHttpDial *dial = conn != NULL ? calloc(1, sizeof *dial) : NULL;
  if (dial == NULL) {
    free(conn);
    sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
    return;
  }
  SrHttpOwn *own = own_of(transfer->pool);
  *dial = (SrHttpDial){
      .on_connected = on_dialled,
      .on_failed = on_dial_failed,
      .owner = conn,
      .context = own->context,
      .names = &own->names,
      .request = transfer->request,
  };
  conn->dial = dial;
  conn->is_fresh = true;
  tie(conn, transfer);
  sr_http_dial_start(dial);
}

/* --- what the transport tells ----------------------------------------------------------- */

static void on_room(void *owner, uv_buf_t *room) {
  const SrHttpConn *conn = owner;
  if (!conn->is_dead && conn->stage == SR_HTTP_CARRIES) sr_http_receiving_room(conn, room);
}

static void on_read(void *owner, const char *bytes, size_t count) {
  SrHttpConn *conn = owner;
  sr_http_conn_enter(conn);
  if (conn->is_dead || conn->stage == SR_HTTP_IDLES)
    sr_http_conn_close(conn);
  else if (conn->stage == SR_HTTP_CARRIES)
    take(conn, bytes, count);
  else if (conn->stage == SR_HTTP_TUNNELS)
    take_word_of_proxy(conn, bytes, count);
  sr_http_conn_leave(conn);
}

static void on_end(void *owner, int status) {
  SrHttpConn *conn = owner;
  sr_http_conn_enter(conn);
  if (conn->is_dead || conn->stage == SR_HTTP_IDLES)
    sr_http_conn_close(conn);
  else if (conn->stage == SR_HTTP_CARRIES)
    end(conn, status);
  else
    fail_opening(conn, status);
  sr_http_conn_leave(conn);
}

/* A write that fails says little: the server may have answered before it went away, so the end of what it says counts. */
static void on_drain(void *owner, int status) {
  SrHttpConn *conn = owner;
  if (conn->is_dead) return;
  sr_http_conn_enter(conn);
  if (conn->stage == SR_HTTP_SHAKES) {
    if (status == 0 && sr_http_tls->is_established(conn->transport)) carry(conn);
  } else if (conn->stage == SR_HTTP_CARRIES) {
    if (status < 0) conn->write_status = status;
    sr_http_transfer_touch(conn->transfer);
    send_on(conn);
  }
  sr_http_conn_leave(conn);
}

static void on_shutdown(void *owner, int status) {
  (void)owner, (void)status;
}

/* The run ends: the pool has closed it before. */
static void on_closed(void *owner) {
  ((SrHttpConn *)owner)->transport = NULL;
}

static const saros_sink sink = {
    .on_room = on_room,
    .on_read = on_read,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
    .on_closed = on_closed,
};

/* --- the backend --------------------------------------------------------------------------- */

static void start(SrHttpTransfer *transfer) {
  SrHttpConn *conn = sr_http_conn_take(transfer->pool, transfer->request, transfer->launched);
  if (conn == NULL) {
    open_conn(transfer);
    return;
  }
  conn->is_fresh = false;
  tie(conn, transfer);
  carry(conn);
}

static void resume(SrHttpTransfer *transfer) {
  SrHttpConn *conn = conn_of(transfer);
  conn->transport->cls->hold(conn->transport, 1);
  conn->transport->cls->start(conn->transport);
}

static void feed(SrHttpTransfer *transfer) {
  SrHttpConn *conn = conn_of(transfer);
  if (conn->stage == SR_HTTP_CARRIES) send_on(conn);
}

/* More is to be sent than was in one go, or the server says nothing of the body. */
static void on_time(SrHttpTransfer *transfer, double now) {
  SrHttpConn *conn = conn_of(transfer);
  (void)now;
  if (conn == NULL || conn->stage != SR_HTTP_CARRIES) return;
  conn->awaits_go = false;
  send_on(conn);
}

static void release(SrHttpTransfer *transfer, bool was_connected) {
  SrHttpConn *conn = conn_of(transfer);
  transfer->carrier = NULL;
  if (was_connected && !conn->is_fresh) transfer->pool->reused++;
  conn->transfer = NULL;
  sr_http_conn_retire(conn);
}

static void detach(SrHttpPool *pool) {
  sr_http_conn_close_idle(pool);
  sr_http_names_free(&own_of(pool)->names);
}

static void close_own(SrHttpPool *pool) {
  free(own_of(pool));
  pool->states[SR_HTTP_OWN] = NULL;
}

const SrHttpBackend sr_http_own = {
    .kind = SR_HTTP_OWN,
    .start = start,
    .resume = resume,
    .feed = feed,
    .on_time = on_time,
    .release = release,
    .detach = detach,
    .close = close_own,
    .idle = sr_http_conn_idle,
};

void sr_http_own_open(lua_State *L, SrHttpPool *pool) {
  SrIoContext *context = sr_io_context(L);
  SrHttpOwn *own = calloc(1, sizeof *own);
  if (own == NULL) luaL_error(L, "not enough memory");
  own->context = context;
  pool->states[SR_HTTP_OWN] = own;
  pool->backends[SR_HTTP_OWN] = &sr_http_own;
}
