/* SPDX-License-Identifier: MIT */
/*
** Sending the body of a response, see output.h. A long piece is sent in slices, each when the one before has left for
** the most part, so what a slow client costs is bounded.
*/
#include "server/output.h"

#include <string.h>

#include "server/closing.h"
#include "server/conn.h"
#include "server/head.h"
#include "server/request.h"
#include "server/timer.h"
#include "wire/writer.h"

enum { SLICE = SAROS_HIGH_WATER };

static int abort_write(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind write_kind = {.name = "a client that reads the response", .abort = abort_write};
static const saros_kind lost_kind = {.name = "the end, as the client is gone", .abort = abort_write};

/* --- a slice --------------------------------------------------------------------------- */

static void send_bufs(SrServerConn *conn, const uv_buf_t *bufs, unsigned count) {
  if (conn->phase == SR_SERVER_CLOSED || sr_server_streams->write(conn->stream, bufs, count) != 0)
    sr_server_conn_lose(conn);
}

void sr_server_output_count(SrServerRequest *request, int64_t count) {
  request->sent += count;
  if (request->framing == SR_SERVER_SIZED) request->left -= count;
}

static void send_slice(SrServerRequest *request, const char *bytes, size_t count) {
  char line[SR_WIRE_NUMBER + 2], end[] = "\r\n";
  uv_buf_t bufs[3] = {uv_buf_init(line, 0), uv_buf_init((char *)bytes, (unsigned)count), uv_buf_init(end, 2)};
  sr_server_output_count(request, (int64_t)count);
  if (request->framing == SR_SERVER_NO_BODY) return;
  if (request->framing == SR_SERVER_CHUNKED) {
    bufs[0].len = sr_wire_put_chunk(line, count);
    send_bufs(request->conn, bufs, 3);
  } else {
    send_bufs(request->conn, bufs + 1, 1);
  }
}

/* --- waiting ------------------------------------------------------------------------------ */

static int raise_lost(lua_State *L, SrServerConn *conn) {
  int status = conn->phase == SR_SERVER_CLOSED ? UV_ECANCELED : sr_server_streams->write_status(conn->stream);
  sr_server_streams->push_error(L, conn->stream, "write", status != 0 ? status : UV_EPIPE);
  return lua_error(L);
}

int sr_server_output_lost(lua_State *L, const SrServerRequest *request) {
  return raise_lost(L, request->conn);
}

/* The dispatcher has cancelled the handler; if that is another task this one hears of it so. */
static int k_lost(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  return raise_lost(L, ((SrServerRequest *)ctx)->conn);
}

/* Who writes to a client that is gone is cancelled. */
static int give_up(lua_State *L, SrServerRequest *request) {
  SrServerConn *conn = request->conn;
  if (request->cancels == SR_SERVER_CANCELS_NONE || conn->is_told || !conn->core->is_served) return raise_lost(L, conn);
  request->cancels = SR_SERVER_CANCELS_ALL;
  sr_server_conn_tell(conn);
  return sr_io_saros->park(L, &conn->writer, &lost_kind, k_lost, (lua_KContext)request);
}

static int go_on(lua_State *L, SrServerRequest *request, lua_KFunction k);

static int k_written(lua_State *L, int status, lua_KContext ctx) {
  SrServerRequest *request = (SrServerRequest *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  sr_server_request_check_open(L, request);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return go_on(L, request, request->k);
}

/* Sends slices as long as there is room. */
static int go_on(lua_State *L, SrServerRequest *request, lua_KFunction k) {
  SrServerConn *conn = request->conn;
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  while (!conn->is_gone && request->at < size && !sr_server_streams->is_full(conn->stream)) {
    size_t left = size - request->at, count = left < SLICE ? left : SLICE;
    send_slice(request, bytes + request->at, count);
    request->at += count;
  }
  if (conn->is_gone) return give_up(L, request);
  if (request->at == size && !sr_server_streams->is_full(conn->stream)) return k(L, LUA_OK, (lua_KContext)request);
  request->k = k;
  sr_server_conn_watch_writing(conn);
  return sr_io_saros->park(L, &conn->writer, &write_kind, k_written, (lua_KContext)request);
}

int sr_server_output_send(lua_State *L, SrServerRequest *request, lua_KFunction k) {
  size_t size;
  lua_tolstring(L, 2, &size);
  if (request->framing == SR_SERVER_SIZED && (int64_t)(size - request->at) > request->left)
    return sr_server_head_error(L, "response: the body is longer than its Content-Length");
  return go_on(L, request, k);
}

static int k_flushed(lua_State *L, int status, lua_KContext ctx) {
  SrServerRequest *request = (SrServerRequest *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  sr_server_request_check_open(L, request);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return sr_server_output_flush(L, request, request->k);
}

int sr_server_output_flush(lua_State *L, SrServerRequest *request, lua_KFunction k) {
  SrServerConn *conn = request->conn;
  if (!conn->is_gone) sr_server_conn_watch_writing(conn);
  if (conn->is_gone || conn->phase == SR_SERVER_CLOSED || conn->pending == 0)
    return k(L, LUA_OK, (lua_KContext)request);
  request->k = k;
  return sr_io_saros->park(L, &conn->writer, &write_kind, k_flushed, (lua_KContext)request);
}

void sr_server_output_end(lua_State *L, SrServerRequest *request) {
  char last[] = "0\r\n\r\n";
  uv_buf_t buf = uv_buf_init(last, 5);
  if (request->has_ended) return;
  request->has_ended = true;
  if (request->framing == SR_SERVER_CHUNKED) send_bufs(request->conn, &buf, 1);
  if (request->framing != SR_SERVER_SIZED || request->left == 0) return;
  request->has_ended = false;
  sr_server_head_error(L, "response: the body is shorter than its Content-Length, by %I bytes",
                       (LUAI_UACINT)request->left);
}

/* --- methods -------------------------------------------------------------------------------- */

void sr_server_output_check(lua_State *L, const SrServerRequest *request) {
  sr_server_request_check_open(L, request);
  if (request->has_ended) {
    sr_io_saros->push_error(L, "ClosedError", "ECLOSED", "the response has ended");
    lua_error(L);
  }
  if (request->conn->writer.task == NULL) return;
  sr_io_saros->push_error(L, "BusyError", "EBUSY", "another task writes this response");
  lua_error(L);
}

static int k_done(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return sr_io_saros->ready(L, 0);
}

int sr_server_l_write(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "writer:write");
  luaL_checktype(L, 2, LUA_TSTRING);
  sr_io_saros->check(L, "writer:write");
  sr_server_output_check(L, request);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  request->at = 0;
  return sr_server_output_send(L, request, k_done);
}

int sr_server_l_end(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "writer:close");
  if (request->conn != NULL) sr_server_output_end(L, request);
  return 0;
}
