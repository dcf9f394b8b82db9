/* SPDX-License-Identifier: MIT */
/*
** Connections, see conn.h. Everything here but attaching runs in callbacks of the loop too: C only.
**
** A connection stays in the table of its core, which holds it, until the dispatcher has seen that it is closed.
*/
#include "server/conn.h"

#include <math.h>

#include "server/closing.h"
#include "server/head.h"
#include "server/timer.h"

enum { EVENTS = SAROS_READABLE | SAROS_WRITABLE | SAROS_CLOSED };

/* In seconds: so long the client has to take the last response. */
static const double LINGER_TIME = 10;

const SrIoClass sr_server_conn_class = {"connection"};

static void on_event(void *owner, int events);

/* --- the end ---------------------------------------------------------------------------- */

static void drop_input(SrServerConn *conn) {
  size_t count;
  sr_server_streams->peek(conn->stream, &count);
  if (count > 0) sr_server_streams->consume(conn->stream, count);
  if (sr_server_streams->end(conn->stream) != 0)
    sr_server_conn_close(conn, false);
  else
    sr_server_conn_want(conn);
}

/* Closing at once with bytes unread would be a reset, which may overtake the response. */
static void linger(SrServerConn *conn) {
  conn->phase = SR_SERVER_LINGERS;
  if (sr_server_streams->shutdown(conn->stream) != 0 || !sr_server_timer_set(conn->core, &conn->reading, LINGER_TIME))
    sr_server_conn_close(conn, true);
  else
    drop_input(conn);
}

void sr_server_conn_release(SrServerConn *conn) {
  sr_server_streams->watch(conn->stream, 0, NULL, NULL);
  sr_server_timer_stop(conn->core, &conn->reading);
  sr_server_timer_stop(conn->core, &conn->writing);
  conn->phase = SR_SERVER_UPGRADED;
}

void sr_server_conn_retire(SrServerConn *conn) {
  if (conn->phase == SR_SERVER_READS_HEAD || conn->phase == SR_SERVER_DRAINS) sr_server_conn_close(conn, false);
}

/* --- heads ------------------------------------------------------------------------------- */

/* Answers what is no request, or not one for us. */
static void refuse(SrServerConn *conn, int status) {
  sr_server_head_refuse(conn, status);
  linger(conn);
}

/* The head is there. */
static void begin_request(SrServerConn *conn) {
  const SrWireFraming *framing = &conn->message.framing;
  sr_server_timer_set(conn->core, &conn->reading, HUGE_VAL);
  sr_wire_body_open(&conn->body, sr_wire_framing_of_request(framing), framing->content_length);
  /* Behind a CONNECT that was accepted comes no request, whatever it looks like. */
  conn->closes = !sr_wire_framing_persists(framing) || conn->message.target.form == SR_WIRE_AUTHORITY;
  conn->is_awaited = framing->expects_continue && framing->minor > 0 && !sr_wire_body_has_ended(&conn->body);
  conn->is_timed_out = false;
  conn->drained = 0;
  conn->has_served = true;
  conn->phase = SR_SERVER_HAS_REQUEST;
  sr_server_conn_tell(conn);
}

/* Takes empty lines off the front. */
static const char *skip_blank(SrServerConn *conn, size_t *count) {
  const char *bytes = sr_server_streams->peek(conn->stream, count);
  size_t blank = conn->message.first == 0 ? sr_wire_message_blank(bytes, *count) : 0;
  if (blank == 0) return bytes;
  sr_server_streams->consume(conn->stream, blank);
  sr_wire_message_open(&conn->message, false);
  return sr_server_streams->peek(conn->stream, count);
}

/* A byte of a further request has come: from now on its head has its own time. That of the first began with accept. */
static bool begin_head(SrServerConn *conn) {
  if (conn->has_begun) return true;
  conn->has_begun = true;
  return !conn->has_served || sr_server_timer_set(conn->core, &conn->reading, conn->core->times.header);
}

static void read_head(SrServerConn *conn) {
  size_t count;
  if (sr_server_streams->is_full(conn->stream)) return; /* who does not take responses gets no more of them */
  const char *bytes = skip_blank(conn, &count);
  if (count > 0) {
    SrWireFaultKind fault = sr_wire_message_read(&conn->message, bytes, count, &conn->core->limits);
    if (fault != SR_WIRE_NO_FAULT) {
      refuse(conn, sr_wire_fault_status(fault));
      return;
    }
    if (conn->message.length > 0) {
      begin_request(conn);
      return;
    }
  }
  bool has_ended = sr_server_streams->end(conn->stream) != 0;
  if (has_ended || (count > 0 && !begin_head(conn)))
    sr_server_conn_close(conn, false);
  else
    sr_server_conn_want(conn);
}

static void next_head(SrServerConn *conn) {
  conn->phase = SR_SERVER_READS_HEAD;
  conn->has_begun = false;
  sr_wire_message_open(&conn->message, false);
  if (conn->core->is_draining || !sr_server_timer_set(conn->core, &conn->reading, conn->core->times.idle))
    sr_server_conn_close(conn, false);
  else
    read_head(conn);
}

/* --- bodies --------------------------------------------------------------------------------- */

SrWirePart sr_server_conn_peek(SrServerConn *conn, SrWireBody *body, const char **bytes, size_t most) {
  size_t count;
  *bytes = sr_server_streams->peek(conn->stream, &count);
  return sr_wire_body_take(body, *bytes, count, most, &conn->core->limits);
}

void sr_server_conn_want(SrServerConn *conn) {
  sr_server_streams->watch(conn->stream, EVENTS, on_event, conn);
}

/* Reads on in a body that nobody wants. */
static void drain(SrServerConn *conn) {
  const char *bytes;
  SrWirePart part;
  do {
    part = sr_server_conn_peek(conn, &conn->body, &bytes, SIZE_MAX);
    if (part.taken > 0) sr_server_streams->consume(conn->stream, part.taken);
    conn->drained += part.taken;
  } while (part.length > 0 && conn->drained <= SR_SERVER_DRAINED);
  if (part.fault != SR_WIRE_NO_FAULT || conn->drained > SR_SERVER_DRAINED)
    linger(conn);
  else if (sr_wire_body_has_ended(&conn->body))
    next_head(conn);
  else if (sr_server_streams->end(conn->stream) != 0)
    sr_server_conn_close(conn, false);
  else
    sr_server_conn_want(conn);
}

/* --- the response is out ----------------------------------------------------------------------- */

static size_t pending(const SrServerConn *conn) {
  saros_transport *transport = sr_server_streams->transport(conn->stream);
  return transport != NULL ? transport->cls->pending(transport) : 0;
}

void sr_server_conn_watch_writing(SrServerConn *conn) {
  if (conn->phase == SR_SERVER_CLOSED) return;
  conn->pending = pending(conn);
  if (conn->pending == 0 || conn->writing.due != HUGE_VAL) return;
  if (!sr_server_timer_set(conn->core, &conn->writing, conn->core->times.write)) sr_server_conn_lose(conn);
}

void sr_server_conn_finish(SrServerConn *conn) {
  conn->request = NULL;
  sr_server_conn_watch_writing(conn);
  if (conn->phase == SR_SERVER_UPGRADED)
    sr_server_conn_close(conn, false);
  else if (conn->phase == SR_SERVER_CLOSED)
    sr_server_conn_tell(conn); /* nobody needs it any more */
  else if (conn->is_gone)
    sr_server_conn_close(conn, true);
  else if (conn->closes)
    linger(conn);
  else if (sr_wire_body_has_ended(&conn->body))
    next_head(conn);
  else if (!sr_server_timer_set(conn->core, &conn->reading, conn->core->times.read))
    sr_server_conn_close(conn, false);
  else {
    conn->phase = SR_SERVER_DRAINS;
    drain(conn);
  }
}

/* --- events --------------------------------------------------------------------------------------- */

/* An orderly end is half a close: the client may well wait for the response. */
static void on_readable_while_answering(SrServerConn *conn) {
  int end = sr_server_streams->end(conn->stream);
  if (conn->reader.task != NULL) {
    sr_server_timer_set(conn->core, &conn->reading, conn->core->times.read);
    sr_io_saros->wake(&conn->reader);
  }
  if (end != 0 && end != UV_EOF) sr_server_conn_lose(conn);
}

static void on_readable(SrServerConn *conn) {
  switch (conn->phase) {
  case SR_SERVER_READS_HEAD: read_head(conn); break;
  case SR_SERVER_HAS_REQUEST:
  case SR_SERVER_ANSWERS: on_readable_while_answering(conn); break;
  case SR_SERVER_DRAINS: drain(conn); break;
  case SR_SERVER_LINGERS: drop_input(conn); break;
  case SR_SERVER_UPGRADED:
  case SR_SERVER_CLOSED: break;
  }
}

/* Something has left: what waits now has all its time. */
static void on_writable(SrServerConn *conn) {
  conn->writing.due = HUGE_VAL;
  sr_server_conn_watch_writing(conn);
  if (sr_server_streams->write_status(conn->stream) != 0 && conn->phase != SR_SERVER_LINGERS)
    sr_server_conn_lose(conn);
  else if (conn->phase == SR_SERVER_READS_HEAD)
    read_head(conn);
  else
    sr_io_saros->wake(&conn->writer);
}

static void on_event(void *owner, int events) {
  SrServerConn *conn = (SrServerConn *)owner;
  if ((events & SAROS_CLOSED) != 0) {
    conn->is_gone = true;
    if (conn->phase != SR_SERVER_CLOSED) sr_server_conn_end(conn);
    return;
  }
  if ((events & SAROS_READABLE) != 0) on_readable(conn);
  if ((events & SAROS_WRITABLE) != 0 && conn->phase != SR_SERVER_CLOSED) on_writable(conn);
}

static void on_reading_late(saros_timer *timer) {
  SrServerConn *conn = SR_IO_CONTAINER(timer, SrServerConn, reading.timer);
  if (!sr_server_timer_is_due(conn->core, &conn->reading)) return;
  switch (conn->phase) {
  case SR_SERVER_READS_HEAD:
    if (conn->has_begun)
      refuse(conn, 408);
    else
      sr_server_conn_close(conn, false);
    break;
  case SR_SERVER_ANSWERS:
    if (conn->request->has_begun) {
      conn->is_timed_out = true;
      sr_io_saros->wake(&conn->reader);
    } else
      sr_server_conn_tell(conn);
    break;
  case SR_SERVER_DRAINS:
  case SR_SERVER_LINGERS: sr_server_conn_close(conn, false); break;
  default: break;
  }
}

/* It goes on as long as something leaves. */
static void on_writing_late(saros_timer *timer) {
  SrServerConn *conn = SR_IO_CONTAINER(timer, SrServerConn, writing.timer);
  if (!sr_server_timer_is_due(conn->core, &conn->writing)) return;
  size_t before = conn->pending, now = pending(conn);
  if (now == 0) return;
  if (now != before) {
    sr_server_conn_watch_writing(conn);
    return;
  }
  sr_server_conn_lose(conn);
  sr_server_conn_close(conn, true);
}

/* --- attach ----------------------------------------------------------------------------------------- */

static void link_conn(SrServerConn *conn) {
  SrServerCore *core = conn->core;
  conn->next = core->conns;
  if (core->conns != NULL) core->conns->prev = conn;
  core->conns = conn;
  core->count++;
}

void sr_server_conn_attach(lua_State *L, SrServerCore *core, int index) {
  SrServerConn *conn = (SrServerConn *)sr_io_new(L, &sr_server_conn_class, sizeof *conn, SR_SERVER_CONN_VALUES);
  conn->core = core;
  conn->phase = SR_SERVER_CLOSED;
  conn->reading = (SrServerTimer){.timer = {.on_fire = on_reading_late}, .due = HUGE_VAL};
  conn->writing = (SrServerTimer){.timer = {.on_fire = on_writing_late}, .due = HUGE_VAL};
  sr_wire_message_open(&conn->message, false);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, SR_SERVER_CONN_STREAM);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, SR_SERVER_CONN_CORE);
  lua_getiuservalue(L, 1, SR_SERVER_CORE_CONNS);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, conn);
  lua_pop(L, 2);
  conn->stream = sr_server_streams->test(L, index);
  conn->phase = SR_SERVER_READS_HEAD;
  link_conn(conn);
  if (sr_server_streams->is_closed(conn->stream) || !sr_server_timer_set(core, &conn->reading, core->times.header)) {
    sr_server_conn_close(conn, true);
    return;
  }
  sr_server_conn_want(conn);
  if (conn->phase == SR_SERVER_READS_HEAD) read_head(conn);
}

static int l_gc(lua_State *L) {
  SrServerConn *conn = (SrServerConn *)sr_io_test(L, 1, &sr_server_conn_class);
  if (conn == NULL) return 0;
  sr_server_timer_stop(conn->core, &conn->reading);
  sr_server_timer_stop(conn->core, &conn->writing);
  if (conn->stream == NULL || sr_server_streams->is_closed(conn->stream)) return 0;
  sr_server_streams->watch(conn->stream, 0, NULL, NULL);
  return 0;
}

void sr_server_open_conn(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}}, meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &sr_server_conn_class, methods, meta);
}
