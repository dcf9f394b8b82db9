/* SPDX-License-Identifier: MIT */
/*
** The task of a request, see handle.h.
**
** The request is closed when the task is left, however that happens: then the response ends, well or not, and the
** connection goes on.
*/
#include "server/handle.h"

#include <math.h>
#include <string.h>

#include "server/conn.h"
#include "server/closing.h"
#include "server/head.h"
#include "server/output.h"
#include "server/request.h"

const char sr_server_half_key = 0;

/* The stack of a handler's task. */
enum { REQUEST = 1, HANDLER, CLOSED, RESULT, HEADERS_GIVEN, BODY };

static const char PLAIN[] = "text/plain; charset=utf-8", HTML[] = "text/html; charset=utf-8",
                  JSON[] = "application/json";

/* A function of the Lua half. [-0, +1, m] */
static void push_half(lua_State *L, const char *name) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_server_half_key);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

static void check_unanswered(lua_State *L, const SrServerRequest *request) {
  sr_server_request_check_open(L, request);
  if (request->has_head || request->has_upgraded) luaL_error(L, "the request has a response already");
}

/* --- a whole response ------------------------------------------------------------------- */

static int k_sent(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  sr_server_output_end(L, (SrServerRequest *)ctx);
  return 0;
}

/* Sends a response whose body, a string or nothing, is at index 2. [-0, +0, v] */
static int send_whole(lua_State *L, SrServerRequest *request, SrServerHead *head) {
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  head->length = (int64_t)size;
  head->body = (SrWireText){bytes, size < SAROS_HIGH_WATER ? size : 0};
  sr_server_head_send(L, request, head);
  if (head->body.length == size) return k_sent(L, LUA_OK, (lua_KContext)request);
  request->at = 0;
  return sr_server_output_send(L, request, k_sent);
}

/* --- what the handler returned --------------------------------------------------------------- */

/* What a field of a response is, by its name; NULL type: the handler says it. */
typedef struct Known {
  const char *name;
  enum { STATUS, HEADERS, TEXT, VALUE } kind;
  const char *type;
} Known;

static const Known known[] = {{"status", STATUS, NULL}, {"headers", HEADERS, NULL}, {"body", TEXT, NULL},
                              {"text", TEXT, PLAIN},    {"html", TEXT, HTML},       {"json", VALUE, JSON}};

static const Known *find_known(lua_State *L, int index) {
  const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(name, known[i].name) == 0) return &known[i];
  return NULL;
}

static bool read_status(lua_State *L, int index, SrServerHead *head) {
  lua_Integer status = lua_tointeger(L, index);
  if (!lua_isinteger(L, index) || status < 200 || status > 599) return false;
  head->status = (int)status;
  return true;
}

/* Takes the field whose name and value are on top. False: it is for the Lua half. */
static bool read_field(lua_State *L, SrServerHead *head, const Known **body) {
  const Known *field = find_known(L, -2);
  if (field == NULL) return false;
  switch (field->kind) {
  case STATUS: return read_status(L, -1, head);
  case HEADERS:
    if (lua_type(L, -1) != LUA_TTABLE || luaL_getmetafield(L, -1, "__pairs") != LUA_TNIL) return false;
    lua_copy(L, -1, HEADERS_GIVEN);
    return true;
  case TEXT:
    if (lua_type(L, -1) != LUA_TSTRING) return false;
    break;
  case VALUE: break;
  }
  if (*body != NULL) return false;
  *body = field;
  lua_copy(L, -1, BODY);
  return true;
}

/* The value at BODY gives way to its text. [-0, +0, v] */
static void encode_body(lua_State *L) {
  push_half(L, "encode");
  lua_pushvalue(L, BODY);
  lua_call(L, 1, 1);
  lua_replace(L, BODY);
}

/*
** Reads a table whose body is at hand: its text, or nil, goes to the top. False: it is for the Lua half, as is all that
** is wrong. [-0, +(0|2), v]
*/
static bool read_table(lua_State *L, SrServerHead *head) {
  const Known *body = NULL;
  lua_settop(L, BODY);
  for (lua_pushnil(L); lua_next(L, RESULT) != 0; lua_pop(L, 1))
    if (!read_field(L, head, &body)) return false;
  head->headers = lua_isnil(L, HEADERS_GIVEN) ? 0 : HEADERS_GIVEN;
  if (body == NULL) return true;
  head->type = body->type;
  if (body->kind == VALUE) encode_body(L);
  return true;
}

/* A status alone has its phrase for a body. [-0, +1, m] */
static bool read_number(lua_State *L, const SrServerRequest *request, SrServerHead *head) {
  if (!read_status(L, RESULT, head)) return false;
  head->type = PLAIN;
  lua_pushstring(L, sr_server_phrase(request->conn->core, head->status));
  return true;
}

/* Reads what is plain; its body goes to the top. [-0, +(0-2), v] */
static bool read_result(lua_State *L, const SrServerRequest *request, SrServerHead *head) {
  switch (lua_type(L, RESULT)) {
  case LUA_TSTRING:
    head->type = PLAIN;
    lua_pushvalue(L, RESULT);
    return true;
  case LUA_TNUMBER: return read_number(L, request, head);
  case LUA_TTABLE: return read_table(L, head);
  default: return false;
  }
}

static int k_responded(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

static int k_handled(lua_State *L, int status, lua_KContext ctx) {
  SrServerRequest *request = (SrServerRequest *)ctx;
  SrServerHead head = {.status = 200};
  (void)status;
  bool is_plain =
      !request->has_head && !request->has_upgraded && request->conn != NULL && !request->conn->core->compresses;
  if (is_plain && lua_isnil(L, RESULT)) {
    head.status = 204;
    lua_replace(L, HANDLER);
    return send_whole(L, request, &head);
  }
  if (is_plain && read_result(L, request, &head)) {
    check_unanswered(L, request); /* whatever ran meanwhile */
    lua_replace(L, HANDLER);
    return send_whole(L, request, &head);
  }
  lua_settop(L, RESULT);
  push_half(L, "respond");
  lua_pushvalue(L, REQUEST);
  lua_pushvalue(L, RESULT);
  lua_callk(L, 2, 0, ctx, k_responded);
  return 0;
}

int sr_server_l_handle(lua_State *L) {
  SrServerRequest *request = (SrServerRequest *)lua_touserdata(L, REQUEST);
  lua_settop(L, HANDLER);
  request->has_begun = true;
  if (request->conn != NULL) request->conn->reading.due = HUGE_VAL; /* nobody need look whether it has */
  lua_pushvalue(L, REQUEST);
  lua_toclose(L, CLOSED);
  lua_pushvalue(L, HANDLER);
  lua_pushvalue(L, REQUEST);
  lua_callk(L, 1, 1, (lua_KContext)request, k_handled);
  return k_handled(L, LUA_OK, (lua_KContext)request);
}

/* --- leaving ----------------------------------------------------------------------------------- */

void sr_server_conclude(SrServerRequest *request) {
  SrServerConn *conn = request->conn;
  SrServerCore *core = conn->core;
  bool is_whole = request->has_ended || request->has_upgraded;
  request->conn = NULL;
  core->active--;
  if (!is_whole && request->has_head && !conn->is_gone) core->failed++;
  if (!is_whole && conn->phase != SR_SERVER_CLOSED) sr_server_conn_close(conn, true);
  sr_server_conn_finish(conn);
  if (core->is_draining) sr_io_saros->wake(&core->dispatcher);
}

static int k_told(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status;
  SrServerRequest *request = (SrServerRequest *)ctx;
  if (request->conn != NULL) sr_server_conclude(request);
  return 0;
}

/* Has a function of the Lua half see to it first, which fails for want of memory alone. */
static int call_half(lua_State *L, SrServerRequest *request, const char *name) {
  push_half(L, name);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  int status = lua_pcallk(L, 2, 0, 0, (lua_KContext)request, k_told);
  return k_told(L, status, (lua_KContext)request);
}

int sr_server_l_leave(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:__close");
  lua_settop(L, 2);
  if (request->conn == NULL) return 0;
  /* Who is left without an error has answered; so who has not was left with nil for one. */
  bool has_answered = request->has_ended || request->has_upgraded;
  if (!lua_isnil(L, 2) || !has_answered) return call_half(L, request, "failed");
  if (request->conn->core->has_log) return call_half(L, request, "log");
  sr_server_conclude(request);
  return 0;
}

/* --- for the Lua half ----------------------------------------------------------------------------- */

/* The stack: request, body, status, headers, type. */
static SrServerHead check_head(lua_State *L) {
  SrServerHead head = {.status = (int)luaL_checkinteger(L, 3), .type = luaL_optstring(L, 5, NULL)};
  head.headers = lua_isnoneornil(L, 4) ? 0 : 4;
  if (head.headers != 0) luaL_checktype(L, 4, LUA_TTABLE);
  luaL_argcheck(L, head.status >= 200 && head.status <= 599, 2, "a status from 200 to 599 expected");
  return head;
}

/* request:_send(body, status, headers, type) */
int sr_server_l_send(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_send");
  check_unanswered(L, request);
  lua_settop(L, 5);
  SrServerHead head = check_head(L);
  return send_whole(L, request, &head);
}

/* request:_check(nil, status, headers, type) raises what is wrong with a head that is to be sent. */
int sr_server_l_check(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_check");
  check_unanswered(L, request);
  lua_settop(L, 5);
  SrServerHead head = check_head(L);
  sr_server_head_check(L, request, &head);
  return 0;
}

/* request:_begin(nil, status, headers, type, has_file): _send_file follows. */
int sr_server_l_begin(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_begin");
  check_unanswered(L, request);
  lua_settop(L, 6);
  SrServerHead head = check_head(L);
  head.has_file = lua_toboolean(L, 6);
  head.length = -1;
  sr_server_head_send(L, request, &head);
  request->is_streamed = true;
  return 0;
}

/*
** request:_switch(headers): 101 (Switching Protocols); the stream, which is the handler's from now on. The body has been
** read.
*/
int sr_server_l_switch(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:upgrade");
  check_unanswered(L, request);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (request->conn->is_gone || request->conn->phase == SR_SERVER_CLOSED) return sr_server_output_lost(L, request);
  sr_server_head_inform(L, request, 101, 2);
  request->has_upgraded = true;
  request->status = 101;
  sr_server_conn_release(request->conn);
  lua_getiuservalue(L, 1, SR_SERVER_REQUEST_CONN);
  lua_getiuservalue(L, -1, SR_SERVER_CONN_STREAM);
  return 1;
}

/* request:_stage(): whether it has a response, or the head of one, and whether its body has been read. */
int sr_server_l_stage(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_stage");
  sr_server_request_check_open(L, request);
  lua_pushboolean(L, request->has_head || request->has_upgraded);
  lua_pushboolean(L, sr_wire_body_has_ended(&request->conn->body));
  return 2;
}

/* request:_inform(status, headers) */
int sr_server_l_inform(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:inform");
  check_unanswered(L, request);
  sr_server_head_inform(L, request, (int)luaL_checkinteger(L, 2), lua_istable(L, 3) ? 3 : 0);
  return 0;
}

/*
** request:_state(): status, bytes and seconds of the response so far, whether its head is out, whether the client is
** gone; the core.
*/
int sr_server_l_state(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_state");
  SrServerConn *conn = request->conn;
  lua_pushinteger(L, request->status);
  lua_pushinteger(L, (lua_Integer)request->sent);
  lua_pushnumber(L, conn != NULL ? sr_io_saros->now(conn->core->runtime) - request->began : 0);
  lua_pushboolean(L, request->has_head || request->has_upgraded);
  lua_pushboolean(L, conn == NULL || conn->is_gone || conn->phase == SR_SERVER_CLOSED);
  if (conn == NULL) return 5;
  lua_getiuservalue(L, 1, SR_SERVER_REQUEST_CONN);
  lua_getiuservalue(L, -1, SR_SERVER_CONN_CORE);
  return lua_replace(L, -2), 6;
}

/* request:_fail(): it counts as failed. */
int sr_server_l_fail(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_fail");
  if (request->conn != NULL) request->conn->core->failed++;
  return 0;
}

/* request:_compresses(): whether its response may be encoded. */
int sr_server_l_compresses(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_compresses");
  lua_pushboolean(L, request->conn != NULL && request->conn->core->compresses);
  return 1;
}
