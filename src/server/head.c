/* SPDX-License-Identifier: MIT */
/*
** Heads of responses, see head.h.
**
** The handler's headers are gone through twice: first they are checked and measured, which may raise; then they are
** copied, in which no memory of Lua's is allocated, so no finalizer can get between and the scratch buffer is ours.
*/
#include "server/head.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/sending.h"
#include "server/closing.h"
#include "server/socket.h"
#include "wire/writer.h"

/* Room for everything in a head but the handler's headers, phrase and type. */
enum { FIXED_SIZE = 256 };

/* What the handler's headers say. */
typedef struct Said {
  size_t size;    /* that they take at most */
  int64_t length; /* Content-Length; -1: nothing of it */
  bool has_type, has_date, closes;
} Said;

int sr_server_head_error(lua_State *L, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  return lua_error(L);
}

/* --- values ------------------------------------------------------------------------------ */

/* The text of a string or number; that of a number is written to `room`. */
static SrWireText text_of(lua_State *L, int index, char room[48]) {
  SrWireText text = {room, 0};
  if (lua_type(L, index) == LUA_TSTRING)
    text.bytes = lua_tolstring(L, index, &text.length);
  else if (lua_isinteger(L, index))
    text.length = (size_t)snprintf(room, 48, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, index));
  else
    text.length = (size_t)snprintf(room, 48, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, index));
  return text;
}

static bool is_text(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TSTRING || type == LUA_TNUMBER;
}

static int64_t read_length(lua_State *L, SrWireText value) {
  int64_t length = 0;
  for (size_t i = 0; i < value.length; i++) {
    if (value.bytes[i] < '0' || value.bytes[i] > '9' || length > (INT64_MAX - 9) / 10)
      sr_server_head_error(L, "response: header 'Content-Length': a number of bytes expected");
    length = length * 10 + (value.bytes[i] - '0');
  }
  if (value.length == 0) sr_server_head_error(L, "response: header 'Content-Length': a number of bytes expected");
  return length;
}

/* --- checking and measuring ----------------------------------------------------------------- */

/* Those that say something to the server itself; their lines are written by it. */
static bool is_ours(SrWireText name) {
  return sr_wire_is_word(name, "content-length") || sr_wire_is_word(name, "connection");
}

static void note_value(lua_State *L, Said *said, SrWireText name, int index) {
  char room[48];
  if (!is_text(L, index))
    sr_server_head_error(L, "response: header '%s': string, number, list of those or false expected, got %s",
                         name.bytes, luaL_typename(L, index));
  SrWireText value = text_of(L, index, room);
  if (!sr_wire_is_value(value.bytes, value.length))
    sr_server_head_error(L, "response: header '%s': a value must not contain control characters", name.bytes);
  said->size += name.length + value.length + 4;
  if (sr_wire_is_word(name, "content-length")) {
    if (said->length >= 0) sr_server_head_error(L, "response: header 'Content-Length' is there twice");
    said->length = read_length(L, sr_wire_trim(value));
  } else if (sr_wire_is_word(name, "connection")) {
    SrWireText option;
    while (sr_wire_list_next(&value, &option)) said->closes |= sr_wire_is_word(option, "close");
  }
}

static void note_field(lua_State *L, Said *said, SrWireText name, int index) {
  if (!sr_wire_is_token(name.bytes, name.length))
    sr_server_head_error(L, "response: invalid header name '%s'", name.bytes);
  if (sr_wire_is_word(name, "transfer-encoding"))
    sr_server_head_error(L, "response: header 'Transfer-Encoding' is set from the body");
  said->has_type |= sr_wire_is_word(name, "content-type");
  said->has_date |= sr_wire_is_word(name, "date");
  if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) return;
  if (lua_type(L, index) != LUA_TTABLE) {
    note_value(L, said, name, index);
    return;
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, index, i);
    note_value(L, said, name, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static Said measure(lua_State *L, int headers) {
  Said said = {.length = -1};
  if (headers == 0) return said;
  luaL_checkstack(L, 8, NULL);
  lua_pushnil(L);
  while (lua_next(L, headers) != 0) {
    SrWireText name;
    if (lua_type(L, -2) != LUA_TSTRING)
      sr_server_head_error(L, "response: a header's name has to be a string, got %s", luaL_typename(L, -2));
    name.bytes = lua_tolstring(L, -2, &name.length);
    note_field(L, &said, name, lua_gettop(L));
    lua_pop(L, 1);
  }
  return said;
}

/* --- writing: there is room enough -------------------------------------------------------------- */

static void put(SrBuffer *out, const char *bytes, size_t count) {
  memcpy(out->data + out->size, bytes, count);
  out->size += count;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static void put_number(SrBuffer *out, uint64_t number) {
  out->size += sr_wire_put_decimal(out->data + out->size, number);
}

static void put_line(lua_State *L, SrBuffer *out, SrWireText name, int index) {
  char room[48];
  SrWireText value = sr_wire_trim(text_of(L, index, room));
  put(out, name.bytes, name.length);
  PUT(out, ": ");
  put(out, value.bytes, value.length);
  PUT(out, "\r\n");
}

static void put_field(lua_State *L, SrBuffer *out, SrWireText name, int index) {
  if (is_ours(name) || lua_type(L, index) == LUA_TBOOLEAN) return;
  if (lua_type(L, index) != LUA_TTABLE) {
    put_line(L, out, name, index);
    return;
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, index, i);
    put_line(L, out, name, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static void put_fields(lua_State *L, SrBuffer *out, int headers) {
  if (headers == 0) return;
  lua_pushnil(L);
  while (lua_next(L, headers) != 0) {
    SrWireText name;
    name.bytes = lua_tolstring(L, -2, &name.length);
    put_field(L, out, name, lua_gettop(L));
    lua_pop(L, 1);
  }
}

const char *sr_server_phrase(const SrServerCore *core, int status) {
  const char *phrase = core->phrases[status - SR_SERVER_FIRST_STATUS];
  return phrase != NULL ? phrase : "";
}

static void put_status(const SrServerCore *core, SrBuffer *out, int status) {
  const char *phrase = sr_server_phrase(core, status);
  PUT(out, "HTTP/1.1 ");
  put_number(out, (uint64_t)status);
  PUT(out, " ");
  put(out, phrase, strlen(phrase));
  PUT(out, "\r\n");
}

static void put_date(SrServerCore *core, SrBuffer *out) {
  int64_t second = (int64_t)time(NULL);
  if (second != core->second) {
    sr_wire_put_date(core->date, second);
    core->second = second;
  }
  PUT(out, "Date: ");
  put(out, core->date, sizeof core->date);
  PUT(out, "\r\n");
}

/* --- how the body ends ------------------------------------------------------------------------- */

static bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 205 || status == 304;
}

static void choose_framing(SrServerRequest *request, int status, int64_t length) {
  if (request->is_head || has_no_body(status))
    request->framing = SR_SERVER_NO_BODY;
  else if (length >= 0)
    request->framing = SR_SERVER_SIZED;
  else
    request->framing = request->message.framing.minor > 0 ? SR_SERVER_CHUNKED : SR_SERVER_UNTIL_CLOSE;
  request->left = length;
}

/* Whether the end of a body in chunks has come already, behind no more than is drained. */
static bool is_there(const SrServerConn *conn) {
  SrWireBody rest = conn->body;
  SrWirePart part;
  size_t count, at = 0;
  const char *bytes = sr_server_streams->peek(conn->stream, &count);
  do {
    part = sr_wire_body_take(&rest, bytes + at, count - at, SIZE_MAX, &conn->core->limits);
    at += part.taken;
  } while (part.fault == SR_WIRE_NO_FAULT && part.taken > 0 && at <= SR_SERVER_DRAINED);
  return at <= SR_SERVER_DRAINED && sr_wire_body_has_ended(&rest);
}

/*
** A body that was not read is drained if that is little, and known to be; the client that waits to be told to send it was
** told nothing, so nobody knows whether it comes.
*/
static bool leaves_body(const SrServerConn *conn) {
  const SrWireBody *body = &conn->body;
  if (sr_wire_body_has_ended(body)) return false;
  if (conn->is_awaited) return true;
  return body->kind == SR_WIRE_SIZED ? body->left > SR_SERVER_DRAINED : !is_there(conn);
}

static void put_framing(const SrServerRequest *request, SrBuffer *out, int status, int64_t length) {
  const SrServerConn *conn = request->conn;
  bool says_length = length >= 0 && status >= 200 && status != 204 && (status != 304 || length > 0);
  if (says_length) {
    PUT(out, "Content-Length: ");
    put_number(out, (uint64_t)length);
    PUT(out, "\r\n");
  } else if (length < 0 && !has_no_body(status) && request->message.framing.minor > 0)
    PUT(out, "Transfer-Encoding: chunked\r\n");
  if (conn->closes)
    PUT(out, "Connection: close\r\n");
  else if (request->message.framing.minor == 0)
    PUT(out, "Connection: keep-alive\r\n");
  PUT(out, "\r\n");
}

/* --- sending --------------------------------------------------------------------------------------- */

static SrBuffer *open_out(lua_State *L, SrServerCore *core, size_t size) {
  sr_buffer_clear(&core->out);
  if (!sr_buffer_reserve(&core->out, FIXED_SIZE + size)) sr_server_head_error(L, "response: not enough memory");
  return &core->out;
}

/* What the client does not hear is of no interest. */
static void send_head(SrServerConn *conn, const SrBuffer *out, SrWireText body) {
  uv_buf_t bufs[2] = {uv_buf_init(out->data + out->head, 0), uv_buf_init((char *)body.bytes, 0)};
  bufs[0].len = sr_buffer_length(out);
  bufs[1].len = body.length;
  if (sr_server_streams->write(conn->stream, bufs, body.length > 0 ? 2 : 1) != 0) sr_server_conn_lose(conn);
}

/* One that a file follows waits for its first bytes, where the socket can be told so: they leave in one packet. */
static void send_ahead(const SrServerConn *conn, SrBuffer *out) {
  uv_os_fd_t fd;
  if (!sr_server_socket_find(conn, &fd)) return;
  sr_buffer_take(out, sr_sending_ahead(fd, sr_buffer_front(out), sr_buffer_length(out)));
}

static void check_length(lua_State *L, const SrServerRequest *request, const SrServerHead *head, const Said *said) {
  bool has_body = !request->is_head && !has_no_body(head->status);
  if (has_body && said->length >= 0 && head->length > said->length)
    sr_server_head_error(L, "response: the body is longer than its Content-Length of %I", (LUAI_UACINT)said->length);
}

void sr_server_head_check(lua_State *L, const SrServerRequest *request, const SrServerHead *head) {
  Said said = measure(L, head->headers);
  check_length(L, request, head, &said);
}

void sr_server_head_send(lua_State *L, SrServerRequest *request, const SrServerHead *head) {
  SrServerConn *conn = request->conn;
  SrServerCore *core = conn->core;
  Said said = measure(L, head->headers);
  check_length(L, request, head, &said);
  int64_t length = said.length >= 0 ? said.length : head->length;
  if (head->status == 205) length = 0; /* which says that there is none, unlike 204 and 304 */
  SrBuffer *out = open_out(L, core,
                           said.size + (head->type != NULL ? strlen(head->type) : 0) +
                               strlen(sr_server_phrase(core, head->status)));
  choose_framing(request, head->status, length);
  conn->closes |= said.closes || core->is_draining || leaves_body(conn) || request->framing == SR_SERVER_UNTIL_CLOSE;
  put_status(core, out, head->status);
  if (!said.has_date) put_date(core, out);
  if (head->type != NULL && !said.has_type && !has_no_body(head->status)) {
    PUT(out, "Content-Type: ");
    put(out, head->type, strlen(head->type));
    PUT(out, "\r\n");
  }
  put_fields(L, out, head->headers);
  put_framing(request, out, head->status, length);
  SrWireText body = request->framing == SR_SERVER_NO_BODY ? (SrWireText){NULL, 0} : head->body;
  if (head->has_file && request->framing == SR_SERVER_SIZED) send_ahead(conn, out);
  if (sr_buffer_length(out) + body.length > 0) send_head(conn, out, body);
  request->has_head = true;
  request->status = head->status;
  request->left -= (int64_t)body.length;
  request->sent = (int64_t)body.length;
}

void sr_server_head_inform(lua_State *L, SrServerRequest *request, int status, int headers) {
  Said said = measure(L, headers);
  SrServerCore *core = request->conn->core;
  if (request->message.framing.minor == 0) return; /* such a client knows no interim responses */
  SrBuffer *out = open_out(L, core, said.size + strlen(sr_server_phrase(core, status)));
  put_status(core, out, status);
  if (status == 101) PUT(out, "Connection: Upgrade\r\n");
  put_fields(L, out, headers);
  PUT(out, "\r\n");
  send_head(request->conn, out, (SrWireText){NULL, 0});
}

void sr_server_head_continue(SrServerConn *conn) {
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  uv_buf_t buf = uv_buf_init((char *)line, sizeof line - 1);
  conn->is_awaited = false;
  if (sr_server_streams->write(conn->stream, &buf, 1) != 0) sr_server_conn_lose(conn);
}

void sr_server_head_refuse(SrServerConn *conn, int status) {
  SrServerCore *core = conn->core;
  SrBuffer *out = &core->out;
  const char *phrase = sr_server_phrase(core, status);
  conn->refused = status;
  conn->is_refused = core->has_log;
  if (core->has_log) sr_server_conn_tell(conn);
  sr_buffer_clear(out);
  if (!sr_buffer_reserve(out, FIXED_SIZE + 2 * strlen(phrase))) return;
  put_status(core, out, status);
  put_date(core, out);
  PUT(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: ");
  put_number(out, strlen(phrase));
  PUT(out, "\r\nConnection: close\r\n\r\n");
  put(out, phrase, strlen(phrase));
  send_head(conn, out, (SrWireText){NULL, 0});
}
