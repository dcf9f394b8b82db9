/* SPDX-License-Identifier: MIT */
/*
** Reading the body of a request, see input.h. Bytes stay in the stream until the handler asks for them, so who does not
** read stops the sender; they are decoded as they are read, so nothing is inflated that nobody wants.
*/
#include "server/input.h"

#include <math.h>

#include "server/conn.h"
#include "server/head.h"
#include "server/request.h"
#include "server/timer.h"

/* What one read gives at most, and decodes at once. */
enum { PIECE = 65536, DECODED = 32768 };

/*
** A body that says little is sent in more bytes than it comes to, but not without end: members of gzip may well be empty,
** and so may blocks of all the others. So many bytes may be sent besides twice the limit.
*/
enum { CODED_MORE = 65536 };

static int abort_read(saros_wait *wait) {
  SrServerConn *conn = SR_IO_CONTAINER(wait, SrServerConn, reader);
  if (conn->phase != SR_SERVER_CLOSED) sr_server_timer_set(conn->core, &conn->reading, HUGE_VAL);
  return 1;
}

static const saros_kind body_kind = {.name = "the body of a request", .abort = abort_read};

/* --- what is wrong ------------------------------------------------------------------- */

/* The client's fault: unless somebody catches it, it is the response. [-0, +0, v] */
static int refuse(lua_State *L, SrServerRequest *request, int status, const char *message) {
  request->is_broken = true;
  request->conn->closes = true;
  sr_io_saros->push_error(L, "HTTPError", "EHTTP", "the body of the request: %s", message);
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
  return lua_error(L);
}

/* Nothing more comes of a body that has not ended. */
static int refuse_end(lua_State *L, SrServerRequest *request) {
  if (request->conn->is_timed_out) return refuse(L, request, 408, "it does not go on");
  return refuse(L, request, 400, "it was cut short");
}

/* --- taking it ------------------------------------------------------------------------ */

static bool is_coded(const SrServerRequest *request) {
  return sr_wire_codings_any(&request->codings);
}

/* Takes off the stream what a part has used up. */
static void take(SrServerConn *conn, const SrWirePart *part) {
  conn->handed++;
  if (part->length > 0) conn->is_awaited = false; /* the client did not wait to be told to send it */
  if (part->taken > 0) sr_server_streams->consume(conn->stream, part->taken);
}

/*
** Takes the next data off the stream. As making a string lets finalizers run, who may read, too, it is taken only
** behind that, and 0 means that it has to be looked for again. [-0, +1|0, v]
*/
static int push_data(lua_State *L, SrServerConn *conn, const SrWirePart *part, const SrWireBody *after,
                     const char *bytes) {
  unsigned handed = conn->handed;
  lua_pushlstring(L, bytes + part->at, part->length);
  if (handed != conn->handed) return lua_pop(L, 1), 0;
  conn->body = *after;
  take(conn, part);
  return 1;
}

/* The next piece as it was sent. 1: it is on the stack; 0: there is none now, or the body has ended. [-0, +1|0, v] */
static int push_plain(lua_State *L, SrServerRequest *request, size_t most) {
  SrServerConn *conn = request->conn;
  for (;;) {
    const char *bytes;
    SrWireBody after = conn->body;
    SrWirePart part = sr_server_conn_peek(conn, &after, &bytes, most);
    if (part.fault != SR_WIRE_NO_FAULT)
      return refuse(L, request, sr_wire_fault_status(part.fault), sr_wire_fault_text(part.fault));
    if (part.length == 0) {
      conn->body = after;
      take(conn, &part);
      return 0;
    }
    if ((int64_t)part.length > conn->core->max_body - request->received)
      return refuse(L, request, 413, "it is too large");
    if (push_data(L, conn, &part, &after, bytes) == 0) continue;
    request->received += (int64_t)part.length;
    return 1;
  }
}

/* Moves what has come to where it is decoded. Whether there was something, or not enough memory for it. [-0, +0, v] */
static bool collect_coded(lua_State *L, SrServerRequest *request) {
  SrServerConn *conn = request->conn;
  const char *bytes;
  SrWirePart part = sr_server_conn_peek(conn, &conn->body, &bytes, DECODED);
  bool fits = sr_buffer_append(&request->coded, bytes + part.at, part.length);
  take(conn, &part);
  request->taken += (int64_t)part.length;
  if ((request->taken - CODED_MORE) / 2 > conn->core->max_body) return refuse(L, request, 413, "it is too large");
  if (!fits) luaL_error(L, "not enough memory");
  if (part.fault != SR_WIRE_NO_FAULT)
    refuse(L, request, sr_wire_fault_status(part.fault), sr_wire_fault_text(part.fault));
  return part.length > 0;
}

/* Decodes what has come. 0: that was nothing. [-0, +1|0, v] */
static int push_run(lua_State *L, SrServerRequest *request, size_t most) {
  char bytes[DECODED];
  size_t count;
  SrWireStep step =
      sr_wire_decoder_run(request->decoder, &request->coded, bytes, most < sizeof bytes ? most : sizeof bytes, &count);
  if ((int64_t)count > request->conn->core->max_body - request->received)
    return refuse(L, request, 413, "it is too large");
  request->received += (int64_t)count;
  if (count > 0) return lua_pushlstring(L, bytes, count), 1;
  return step == SR_WIRE_STEP_BROKEN ? refuse(L, request, 400, "it is not what its Content-Encoding says") : 0;
}

static int push_decoded(lua_State *L, SrServerRequest *request, size_t most) {
  bool has_more;
  if (request->decoder == NULL) request->decoder = sr_wire_decoder_new(&request->codings);
  if (request->decoder == NULL) return luaL_error(L, "not enough memory");
  do {
    has_more = sr_buffer_length(&request->coded) < DECODED && collect_coded(L, request);
    if (push_run(L, request, most) > 0) return 1;
  } while (has_more);
  if (sr_wire_body_has_ended(&request->conn->body) && !sr_wire_decoder_ended(request->decoder))
    return refuse(L, request, 400, "its coding was cut short");
  return 0;
}

/* --- reading ------------------------------------------------------------------------------ */

static int k_read(lua_State *L, int status, lua_KContext ctx);

/* Parks until more has come. [-0, +0, v] */
static int wait(lua_State *L, SrServerRequest *request) {
  SrServerConn *conn = request->conn;
  if (conn->is_awaited) sr_server_head_continue(conn);
  sr_server_timer_set(conn->core, &conn->reading, conn->core->times.read);
  sr_server_conn_want(conn);
  return sr_io_saros->park(L, &conn->reader, &body_kind, k_read, (lua_KContext)request);
}

/* The stack: the request, the limit. */
static int read_next(lua_State *L, SrServerRequest *request) {
  SrServerConn *conn = request->conn;
  size_t most = (size_t)lua_tointeger(L, 2);
  int results = is_coded(request) ? push_decoded(L, request, most) : push_plain(L, request, most);
  if (results > 0) return results;
  if (sr_wire_body_has_ended(&conn->body)) return lua_pushnil(L), 1;
  bool has_ended = conn->phase == SR_SERVER_CLOSED || conn->is_gone || sr_server_streams->end(conn->stream) != 0;
  return has_ended || conn->is_timed_out ? refuse_end(L, request) : 0;
}

/* A wake may have come too early: the stream had started to give bytes while it was asked for them. */
static int k_read(lua_State *L, int status, lua_KContext ctx) {
  SrServerRequest *request = (SrServerRequest *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  sr_server_request_check_open(L, request);
  int results = read_next(L, request);
  if (results > 0) {
    sr_server_timer_set(request->conn->core, &request->conn->reading, HUGE_VAL);
    return results;
  }
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return wait(L, request);
}

/* Whether what the head says of the body forbids reading it. [-0, +0, v] */
static void check_body(lua_State *L, SrServerRequest *request) {
  const SrServerConn *conn = request->conn;
  if (request->is_broken) refuse(L, request, 400, "it cannot be read any further");
  if (request->codings.opaque) refuse(L, request, 415, "its Content-Encoding is not known");
  if (!is_coded(request) && request->message.framing.content_length > conn->core->max_body)
    refuse(L, request, 413, "it is too large");
}

int sr_server_l_read(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_read");
  lua_Integer most = luaL_optinteger(L, 2, PIECE);
  const char *function = luaL_checkstring(L, 3);
  sr_io_saros->check(L, function);
  sr_server_request_check_open(L, request);
  if (request->conn->reader.task != NULL) {
    sr_io_saros->push_error(L, "BusyError", "EBUSY", "%s: another task reads this request", function);
    return lua_error(L);
  }
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  lua_settop(L, 1);
  lua_pushinteger(L, most < PIECE ? most : PIECE);
  check_body(L, request);
  int results = read_next(L, request);
  return results > 0 ? sr_io_saros->ready(L, results) : wait(L, request);
}
