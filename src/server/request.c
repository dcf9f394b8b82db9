/* SPDX-License-Identifier: MIT */
/*
** Requests, see request.h. The head is kept as it came; what handlers ask of it is made when they do. What is set on a
** request stands in a table of its own and comes before what is made.
*/
#include "server/request.h"

#include <stdlib.h>
#include <string.h>

#include "server/closing.h"

const SrIoClass sr_server_request_class = {"request"};

/* Upvalues of __index: methods, and fields by their numbers; functions that make a field. */
enum { UP_METHODS = 1, UP_LAZY };

/* --- new ----------------------------------------------------------------------------- */

static SrWireText text_at(const SrServerRequest *request, unsigned at, unsigned length) {
  return (SrWireText){request->head + at, length};
}

SrWireText sr_server_request_method(const SrServerRequest *request) {
  return text_at(request, 0, request->message.method);
}

static bool is_method(const SrServerRequest *request, const char *name) {
  SrWireText method = sr_server_request_method(request);
  return strlen(name) == method.length && memcmp(method.bytes, name, method.length) == 0;
}

static void note_codings(SrServerRequest *request) {
  SrWireText head = {request->head, request->message.length}, name, value;
  if (sr_wire_body_has_ended(&request->conn->body)) return;
  for (size_t at = request->message.first; sr_wire_field_next(head, &at, &name, &value);)
    if (sr_wire_is_word(name, "content-encoding")) sr_wire_codings_add(&request->codings, value.bytes, value.length);
}

SrServerRequest *sr_server_request_push(lua_State *L, SrServerConn *conn) {
  size_t count, length = conn->message.length;
  SrServerRequest *request =
      (SrServerRequest *)sr_io_new(L, &sr_server_request_class, sizeof *request + length, SR_SERVER_REQUEST_VALUES);
  const char *bytes = sr_server_streams->peek(conn->stream, &count);
  if (count < length) return request; /* a finalizer has closed the stream */
  memcpy(request->head, bytes, length);
  sr_server_streams->consume(conn->stream, length);
  request->message = conn->message;
  request->conn = conn;
  request->cancels = conn->core->cancels;
  request->is_head = is_method(request, "HEAD");
  note_codings(request);
  return request;
}

SrServerRequest *sr_server_request_self(lua_State *L, const char *function) {
  return (SrServerRequest *)sr_io_self(L, &sr_server_request_class, function);
}

void sr_server_request_check_open(lua_State *L, const SrServerRequest *request) {
  if (request->conn != NULL) return;
  sr_io_saros->push_error(L, "ClosedError", "ECLOSED", "the request has been answered");
  lua_error(L);
}

bool sr_server_request_is_forsaken(const SrServerRequest *request) {
  if (request->cancels != SR_SERVER_CANCELS_READERS) return request->cancels == SR_SERVER_CANCELS_ALL;
  return is_method(request, "GET") || request->is_head;
}

/* --- fields ----------------------------------------------------------------------------- */

typedef enum Field {
  FIELD_METHOD = 1,
  FIELD_TARGET,
  FIELD_PATH,
  FIELD_VERSION,
  FIELD_SCHEME,
  FIELD_HOST,
  FIELD_CANCELS,
  FIELD_PARAMS
} Field;

static const struct {
  const char *name;
  Field field;
} fields[] = {
    {"method", FIELD_METHOD},
    {"target", FIELD_TARGET},
    {"path", FIELD_PATH},
    {"http_version", FIELD_VERSION},
    {"scheme", FIELD_SCHEME},
    {"host", FIELD_HOST},
    {"cancel_on_disconnect", FIELD_CANCELS},
    {"params", FIELD_PARAMS},
};

static int push_text(lua_State *L, SrWireText text) {
  lua_pushlstring(L, text.bytes, text.length);
  return 1;
}

static SrWireText path_as_sent(const SrServerRequest *request) {
  const SrWireMessage *message = &request->message;
  return text_at(request, message->target_at + message->target.path, message->target.path_length);
}

/* The path with its dots resolved, decoded before that or not. */
static int push_path(lua_State *L, const SrServerRequest *request, bool is_decoded) {
  SrWireText path = path_as_sent(request);
  luaL_Buffer buffer;
  if (path.length == 0) return lua_pushliteral(L, "/"), 1; /* "http://host" */
  if (*path.bytes != '/' || request->message.target.is_plain) return push_text(L, path);
  char *out = luaL_buffinitsize(L, &buffer, path.length);
  if (is_decoded) path = (SrWireText){out, sr_wire_decode(path, out)};
  luaL_pushresultsize(&buffer, sr_wire_path_resolve(path, out, is_decoded));
  return 1;
}

/* In lower case and without the port; nil if the client of HTTP/1.0 has named none. */
static int push_host(lua_State *L, const SrServerRequest *request) {
  const SrWireMessage *message = &request->message;
  SrWireText host = text_at(request, message->framing.host_at, message->framing.host_length);
  if (message->target.host_length > 0)
    host = text_at(request, message->target_at + message->target.host, message->target.host_length);
  if (host.length == 0) return 0;
  host = sr_wire_host_name(host);
  luaL_Buffer buffer;
  char *out = luaL_buffinitsize(L, &buffer, host.length);
  for (size_t i = 0; i < host.length; i++) {
    char byte = host.bytes[i];
    out[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 32) : byte;
  }
  luaL_pushresultsize(&buffer, host.length);
  return 1;
}

static int push_cancels(lua_State *L, const SrServerRequest *request) {
  if (request->cancels == SR_SERVER_CANCELS_READERS) return 0;
  lua_pushboolean(L, request->cancels == SR_SERVER_CANCELS_ALL);
  return 1;
}

static int push_scheme(lua_State *L) {
  bool is_secure = false;
  if (lua_getiuservalue(L, 1, SR_SERVER_REQUEST_CONN) == LUA_TUSERDATA)
    is_secure = ((SrServerConn *)lua_touserdata(L, -1))->core->is_secure;
  lua_pushstring(L, is_secure ? "https" : "http");
  return 1;
}

static int push_field(lua_State *L, const SrServerRequest *request, Field field) {
  const SrWireMessage *message = &request->message;
  switch (field) {
  case FIELD_METHOD: return push_text(L, sr_server_request_method(request));
  case FIELD_TARGET: return push_text(L, text_at(request, message->target_at, message->target_length));
  case FIELD_PATH: return push_path(L, request, true);
  case FIELD_VERSION: return lua_pushstring(L, message->framing.minor > 0 ? "1.1" : "1.0"), 1;
  case FIELD_SCHEME: return push_scheme(L);
  case FIELD_HOST: return push_host(L, request);
  case FIELD_CANCELS: return push_cancels(L, request);
  case FIELD_PARAMS: return lua_getiuservalue(L, 1, SR_SERVER_REQUEST_PARAMS), 1;
  }
  return 0;
}

/* Pushes the table of what was set, which is made if `makes`. False: there is none, and nothing is pushed. */
static bool push_set(lua_State *L, bool makes) {
  if (lua_getiuservalue(L, 1, SR_SERVER_REQUEST_FIELDS) == LUA_TTABLE) return true;
  lua_pop(L, 1);
  if (!makes) return false;
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, SR_SERVER_REQUEST_FIELDS);
  return true;
}

SrWireText sr_server_request_push_rest(lua_State *L, const SrServerRequest *request) {
  SrWireText path = path_as_sent(request);
  if (push_set(L, false)) {
    lua_getfield(L, -1, "_rest_of_path");
    lua_remove(L, -2);
  } else
    lua_pushnil(L);
  if (lua_isnil(L, -1) && (path.length == 0 || !request->message.target.is_plain)) {
    lua_pop(L, 1);
    push_path(L, request, false);
  }
  if (!lua_isnil(L, -1)) path.bytes = lua_tolstring(L, -1, &path.length);
  return path;
}

/* A field that is made at its first use, and kept. */
static int push_lazy(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(UP_LAZY)) != LUA_TFUNCTION) return 0;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  push_set(L, true);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  return 1;
}

static int l_index(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:__index");
  lua_settop(L, 2);
  if (push_set(L, false)) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return 1;
    lua_settop(L, 2);
  }
  lua_pushvalue(L, 2);
  int type = lua_rawget(L, lua_upvalueindex(UP_METHODS));
  if (type == LUA_TNUMBER) return push_field(L, request, (Field)lua_tointeger(L, -1));
  return type != LUA_TNIL ? 1 : push_lazy(L);
}

static int set_cancels(lua_State *L, SrServerRequest *request) {
  if (!lua_isboolean(L, 3) && !lua_isnil(L, 3))
    return luaL_error(L, "request.cancel_on_disconnect: boolean or nil expected, got %s", luaL_typename(L, 3));
  request->cancels = lua_isnil(L, 3)       ? SR_SERVER_CANCELS_READERS
                     : lua_toboolean(L, 3) ? SR_SERVER_CANCELS_ALL
                                           : SR_SERVER_CANCELS_NONE;
  if (request->conn != NULL && request->conn->is_gone) sr_server_conn_tell(request->conn);
  return 0;
}

static int l_newindex(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:__newindex");
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(UP_METHODS));
  Field field = lua_isinteger(L, -1) ? (Field)lua_tointeger(L, -1) : 0;
  lua_pop(L, 1);
  if (field == FIELD_CANCELS) return set_cancels(L, request);
  if (field == FIELD_PARAMS) return lua_setiuservalue(L, 1, SR_SERVER_REQUEST_PARAMS), 0;
  push_set(L, true);
  lua_insert(L, 2);
  lua_rawset(L, 2);
  return 0;
}

/* --- for the Lua half ------------------------------------------------------------------------ */

/* request:_head() */
static int l_head(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_head");
  return push_text(L, (SrWireText){request->head, request->message.length});
}

/* request:_field(name) gives the first header of that name, in lower case; nil if there is none. */
static int l_field(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_field");
  SrWireText value;
  if (!sr_wire_field_find(&request->message, request->head, luaL_checkstring(L, 2), &value)) return 0;
  return push_text(L, value);
}

/* request:_is_conditional(): whether it has conditions, or asks for a part: most do not, and are not asked for each. */
static int l_is_conditional(lua_State *L) {
  const SrServerRequest *request = sr_server_request_self(L, "request:_is_conditional");
  SrWireText head = {request->head, request->message.length}, name, value;
  bool is_conditional = false;
  for (size_t at = request->message.first; !is_conditional && sr_wire_field_next(head, &at, &name, &value);) {
    SrWireText start = {name.bytes, name.length < 3 ? name.length : 3};
    is_conditional = sr_wire_is_word(start, "if-") || sr_wire_is_word(name, "range");
  }
  lua_pushboolean(L, is_conditional);
  return 1;
}

/* request:_query() gives the query as it was sent. */
static int l_query(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_query");
  const SrWireMessage *message = &request->message;
  return push_text(L, text_at(request, message->target_at + message->target.query, message->target.query_length));
}

/* request:_path() gives the path as it was sent, but for its dots. */
static int l_path(lua_State *L) {
  return push_path(L, sr_server_request_self(L, "request:_path"), false);
}

/* request:_rest() gives what the mounts on the way have left of that. */
static int l_rest(lua_State *L) {
  SrWireText rest = sr_server_request_push_rest(L, sr_server_request_self(L, "request:_rest"));
  return push_text(L, rest);
}

/* request:_stream() */
static int l_stream(lua_State *L) {
  sr_server_request_self(L, "request:_stream");
  lua_getiuservalue(L, 1, SR_SERVER_REQUEST_CONN);
  lua_getiuservalue(L, -1, SR_SERVER_CONN_STREAM);
  return 1;
}

static int l_tostring(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:__tostring");
  const SrWireMessage *message = &request->message;
  lua_pushliteral(L, "Request: ");
  push_text(L, (SrWireText){request->head, message->target_at + message->target_length});
  lua_concat(L, 2);
  return 1;
}

static int l_gc(lua_State *L) {
  SrServerRequest *request = (SrServerRequest *)sr_io_test(L, 1, &sr_server_request_class);
  if (request == NULL) return 0;
  sr_wire_decoder_free(request->decoder);
  request->decoder = NULL;
  sr_buffer_free(&request->coded);
  return 0;
}

/* Its methods, and the numbers of fields. */
static void push_methods(lua_State *L, const luaL_Reg *methods) {
  static const luaL_Reg own[] = {{"_head", l_head},     {"_is_conditional", l_is_conditional},
                                 {"_field", l_field},   {"_query", l_query},
                                 {"_path", l_path},     {"_rest", l_rest},
                                 {"_stream", l_stream}, {NULL, NULL}};
  lua_newtable(L);
  luaL_setfuncs(L, own, 0);
  luaL_setfuncs(L, methods, 0);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    lua_pushinteger(L, fields[i].field);
    lua_setfield(L, -2, fields[i].name);
  }
}

void sr_server_open_request(lua_State *L, const luaL_Reg *methods, const luaL_Reg *meta) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg own[] = {{"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &sr_server_request_class, none, own);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_server_request_class);
  luaL_setfuncs(L, meta, 0);
  push_methods(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "request_methods");
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, l_newindex, 1);
  lua_setfield(L, -3, "__newindex");
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -5, "request_lazy");
  lua_pushcclosure(L, l_index, 2);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
