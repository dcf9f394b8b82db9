/* SPDX-License-Identifier: MIT */
/* The methods of a stream that write, and those that end it. */
#include <string.h>

#include "io/failure.h"
#include "io/plain.h"
#include "io/faces.h"

static saros_stream *check_stream(lua_State *L, const char *function) {
  return (saros_stream *)sr_io_self(L, &sr_io_stream_class, function);
}

/* --- what is to be written ------------------------------------------------------------- */

/* The pieces of a message, which stand on the stack or in lists that do. */
typedef struct Pieces {
  uv_buf_t few[16];
  uv_buf_t *bufs; /* `few`, or a userdata on the stack */
  unsigned count;
} Pieces;

static const char FUNCTION[] = "stream:write";
static const char EXPECTED[] = "string, number or list of them";

static bool is_piece(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TSTRING || type == LUA_TNUMBER;
}

/* A table without items may be anything but an empty list. */
static void check_empty_list(lua_State *L, int index, int arg) {
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    bool is_length = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "n") == 0;
    if (!is_length) sr_io_saros->arg_error(L, FUNCTION, arg, "%s expected, got a table that is no list", EXPECTED);
    lua_pop(L, 1);
  }
}

static size_t check_list(lua_State *L, int index, int arg) {
  size_t count = lua_rawlen(L, index);
  if (count == 0) check_empty_list(L, index, arg);
  if (count > 1000000) sr_io_saros->arg_error(L, FUNCTION, arg, "a list of more than a million items");
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i);
    if (!is_piece(L, -1))
      sr_io_saros->arg_error(L, FUNCTION, arg, "item %I of the list: string or number expected, got %s", (LUAI_UACINT)i,
                             luaL_typename(L, -1));
    lua_pop(L, 1);
  }
  return count;
}

/* How many pieces there are in the arguments. [-0, +0, v] */
static size_t check_pieces(lua_State *L, int top) {
  size_t count = 0;
  for (int i = 2; i <= top; i++) {
    if (lua_istable(L, i))
      count += check_list(L, i, i - 1);
    else if (is_piece(L, i))
      count++;
    else
      sr_io_type_error(L, FUNCTION, i, i - 1, EXPECTED);
  }
  return count;
}

static void add_bytes(lua_State *L, Pieces *pieces, int index) {
  size_t length;
  const char *bytes = lua_tolstring(L, index, &length);
  uv_buf_t *buf = &pieces->bufs[pieces->count++];
  buf->base = (char *)(uintptr_t)bytes;
  buf->len = length;
}

/* Notes the piece on top and takes it off, unless it has become a string only here. */
static void add_piece(lua_State *L, Pieces *pieces) {
  bool is_string = lua_type(L, -1) == LUA_TSTRING;
  add_bytes(L, pieces, -1);
  if (is_string) lua_pop(L, 1);
}

static void add_list(lua_State *L, Pieces *pieces, int index, size_t most) {
  size_t count = lua_rawlen(L, index);
  for (size_t i = 1; i <= count && pieces->count < most; i++) {
    luaL_checkstack(L, 3, "too many numbers");
    lua_rawgeti(L, index, (lua_Integer)i);
    add_piece(L, pieces);
  }
}

/* Fills the pieces. Mostly there is one, a string. [-0, +?, v] */
static void collect(lua_State *L, Pieces *pieces) {
  int top = lua_gettop(L);
  pieces->count = 0;
  pieces->bufs = pieces->few;
  if (top == 2 && lua_type(L, 2) == LUA_TSTRING) {
    add_bytes(L, pieces, 2);
    return;
  }
  size_t most = check_pieces(L, top);
  if (most > sizeof pieces->few / sizeof pieces->few[0])
    pieces->bufs = (uv_buf_t *)lua_newuserdatauv(L, most * sizeof(uv_buf_t), 0);
  for (int i = 2; i <= top; i++) {
    if (lua_istable(L, i)) {
      add_list(L, pieces, i, most);
      continue;
    }
    luaL_checkstack(L, 3, NULL);
    lua_pushvalue(L, i);
    add_piece(L, pieces);
  }
}

/* --- write -------------------------------------------------------------------------------- */

static int raise_status(lua_State *L, saros_stream *stream, const char *function, int status) {
  if (status == UV_ENOMEM) return luaL_error(L, "not enough memory");
  sr_io_stream_push_error(L, stream, function, status);
  return lua_error(L);
}

static int k_write(lua_State *L, int status, lua_KContext ctx) {
  status = sr_io_writer_finish((SrIoWriter *)ctx);
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (status != 0) return raise_status(L, (saros_stream *)lua_touserdata(L, 1), FUNCTION + 7, status);
  lua_settop(L, 1);
  return 1;
}

static int l_write(lua_State *L) {
  Pieces pieces;
  SrIoWriter *blocked;
  saros_stream *stream = check_stream(L, FUNCTION);
  collect(L, &pieces);
  bool is_cancelled = sr_io_saros->check(L, FUNCTION);
  if (is_cancelled && stream->transport != NULL && stream->write_end == 0) return sr_io_saros->raise(L);
  int status = sr_io_writer_send(stream, pieces.bufs, pieces.count, &blocked);
  if (status != 0) return raise_status(L, stream, FUNCTION + 7, status);
  lua_settop(L, 1);
  if (blocked != NULL) return sr_io_writer_park(L, blocked, k_write);
  return sr_io_saros->ready(L, 1);
}

/* --- shutdown ------------------------------------------------------------------------------- */

static int k_shutdown(lua_State *L, int status, lua_KContext ctx) {
  status = sr_io_writer_finish((SrIoWriter *)ctx);
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (status != 0) return raise_status(L, (saros_stream *)lua_touserdata(L, 1), "shutdown", status);
  return 0;
}

static int l_shutdown(lua_State *L) {
  saros_stream *stream = check_stream(L, "stream:shutdown");
  int status = 0;
  sr_io_saros->check(L, "stream:shutdown");
  if (stream->transport == NULL) return raise_status(L, stream, "shutdown", UV_ECANCELED);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  SrIoWriter *writer = sr_io_writer_shutdown(stream, &status);
  if (writer != NULL) return sr_io_writer_park(L, writer, k_shutdown);
  if (status != 0) return raise_status(L, stream, "shutdown", status);
  return sr_io_saros->ready(L, 0);
}

/* --- the end --------------------------------------------------------------------------------- */

static int l_close(lua_State *L) {
  sr_io_stream_close(check_stream(L, "stream:close"), 0);
  return 0;
}

static int l_abort(lua_State *L) {
  sr_io_stream_close(check_stream(L, "stream:abort"), 1);
  return 0;
}

static int l_closed(lua_State *L) {
  lua_pushboolean(L, check_stream(L, "stream:closed")->transport == NULL);
  return 1;
}

static int l_gc(lua_State *L) {
  saros_stream *stream = check_stream(L, "stream:__gc");
  if (stream->transport != NULL)
    sr_io_saros->collected(L, stream->transport->cls->resource(stream->transport), "stream");
  sr_io_stream_free(stream);
  return 0;
}

/* --- names ------------------------------------------------------------------------------------- */

static int l_peer(lua_State *L) {
  return sr_io_push_address(L, check_stream(L, "stream:peer"), true);
}

static int l_address(lua_State *L) {
  return sr_io_push_address(L, check_stream(L, "stream:address"), false);
}

static int l_tls_info(lua_State *L) {
  saros_stream *stream = check_stream(L, "stream:tls_info");
  saros_transport *transport = stream->transport;
  if (transport == NULL) return raise_status(L, stream, "tls_info", UV_ECANCELED);
  if (transport->cls->push_info != NULL)
    transport->cls->push_info(transport, L);
  else
    lua_pushnil(L);
  return 1;
}

static int l_tostring(lua_State *L) {
  saros_stream *stream = check_stream(L, "tostring");
  if (stream->transport == NULL)
    lua_pushfstring(L, "stream (closed): %p", (void *)stream);
  else if (stream->path != NULL)
    lua_pushfstring(L, "stream (%s): %p", stream->path, (void *)stream);
  else if (stream->peer.any.sa_family != 0) {
    sr_io_push_sockaddr(L, &stream->peer.any);
    lua_pushfstring(L, "stream (%s, %I): %p", lua_tostring(L, -2), (LUAI_UACINT)lua_tointeger(L, -1), (void *)stream);
  } else
    lua_pushfstring(L, "stream: %p", (void *)stream);
  return 1;
}

const luaL_Reg sr_io_write_methods[] = {
    {"write", l_write}, {"shutdown", l_shutdown}, {"close", l_close},
    {"abort", l_abort}, {"closed", l_closed},     {"pipe_to", sr_io_l_pipe_to},
    {"peer", l_peer},   {"address", l_address},   {"tls_info", l_tls_info},
    {NULL, NULL},
};

void sr_io_open(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_io_context(L);
  sr_io_class(L, &sr_io_stream_class, sr_io_write_methods, meta);
  sr_io_push_meta(L, &sr_io_stream_class);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, sr_io_read_methods, 0);
  lua_pop(L, 2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&sr_io_stream_api);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_STREAMS_KEY);
}
