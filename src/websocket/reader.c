/* SPDX-License-Identifier: MIT */
/*
** Events off a stream. See reader.h.
**
** The reader watches the stream only while a task waits for it, on whose stack both of them are.
*/
#include "websocket/reader.h"

#include <lauxlib.h>
#include <string.h>

#include "websocket/api.h"
#include "websocket/decoder.h"

#define CLASS "saros.websocket.reader"

typedef struct Reader {
  SrWebsocketDecoder decoder;
  saros_runtime *runtime;
  saros_wait wait;
  saros_timer timer;    /* so long the peer may be silent */
  saros_stream *stream; /* that is watched, or NULL */
  bool is_late;         /* the peer was silent for so long */
  bool is_asked;        /* the caller was told so, and nothing has come since */
} Reader;

/* The stack. */
enum { SELF = 1, STREAM, SECONDS };

#define READER(ptr, member) ((Reader *)(void *)((char *)(ptr)-offsetof(Reader, member)))

/* --- waiting ------------------------------------------------------------------------- */

static void stop_waiting(Reader *reader) {
  if (reader->stream == NULL) return;
  sr_websocket_streams->watch(reader->stream, 0, NULL, NULL);
  sr_websocket_saros->timer_stop(reader->runtime, &reader->timer);
  reader->stream = NULL;
}

static int abort_read(saros_wait *wait) {
  stop_waiting(READER(wait, wait));
  return 1;
}

static const saros_kind read_kind = {.name = "a WebSocket's peer", .abort = abort_read};

static void on_event(void *owner, int events) {
  (void)events;
  sr_websocket_saros->wake(&((Reader *)owner)->wait);
}

static void on_late(saros_timer *timer) {
  Reader *reader = READER(timer, timer);
  reader->is_late = true;
  sr_websocket_saros->wake(&reader->wait);
}

/* --- what has come ------------------------------------------------------------------------ */

static int push_event(lua_State *L, const SrWebsocketDecoder *decoder, SrWebsocketEvent event) {
  static const char *const names[] = {
      [SR_WEBSOCKET_TEXT] = "text", [SR_WEBSOCKET_BINARY] = "binary", [SR_WEBSOCKET_PING] = "ping",
      [SR_WEBSOCKET_PONG] = "pong", [SR_WEBSOCKET_CLOSE] = "close",   [SR_WEBSOCKET_FAULT] = "fault"};
  lua_pushstring(L, names[event]);
  lua_pushlstring(L, decoder->data, decoder->size);
  lua_pushinteger(L, decoder->code);
  return 3;
}

static int push_end(lua_State *L, saros_stream *stream, int status) {
  lua_pushliteral(L, "end");
  if (status == UV_EOF)
    lua_pushliteral(L, "the connection ended without a closing handshake");
  else
    sr_websocket_streams->push_error(L, stream, "read", status);
  return 2;
}

/* The peer is asked whether it lives; when it is silent once more, it does not. */
static int push_late(lua_State *L, Reader *reader) {
  lua_pushstring(L, reader->is_asked ? "end" : "late");
  lua_pushliteral(L, "no answer to a ping");
  reader->is_asked = true;
  return 2;
}

/* The next event; 0: nothing has come. [-0, +2|3|0, v] */
static int next_event(lua_State *L, Reader *reader, saros_stream *stream) {
  size_t count, taken;
  const char *bytes;
  bool is_late = reader->is_late;
  reader->is_late = false;
  while (bytes = sr_websocket_streams->peek(stream, &count), count > 0) {
    SrWebsocketEvent event = sr_websocket_decode(&reader->decoder, bytes, count, &taken);
    sr_websocket_streams->consume(stream, taken);
    reader->is_asked = is_late = false;
    if (event != SR_WEBSOCKET_NOTHING) return push_event(L, &reader->decoder, event);
    if (taken == 0) break; /* nothing is read behind the end */
  }
  int end = sr_websocket_streams->end(stream);
  if (end != 0) return push_end(L, stream, end);
  return is_late ? push_late(L, reader) : 0;
}

static bool has_news(saros_stream *stream) {
  size_t count;
  sr_websocket_streams->peek(stream, &count);
  return count > 0 || sr_websocket_streams->end(stream) != 0;
}

/* --- the method ----------------------------------------------------------------------------- */

static int k_next(lua_State *L, int status, lua_KContext ctx);

static int park(lua_State *L, Reader *reader) {
  bool is_timed = !lua_isnil(L, SECONDS);
  if (is_timed && !sr_websocket_saros->timer_start(reader->runtime, &reader->timer, lua_tonumber(L, SECONDS))) {
    stop_waiting(reader);
    return luaL_error(L, "not enough memory");
  }
  return sr_websocket_saros->park(L, &reader->wait, &read_kind, k_next, (lua_KContext)reader);
}

/* What is there, or the wait for it. A stream that is watched may have bytes at once, of which nobody is told. */
static int go_on(lua_State *L, Reader *reader, saros_stream *stream) {
  int results;
  while ((results = next_event(L, reader, stream)) == 0) {
    if (sr_websocket_saros->cancelled(L)) return sr_websocket_saros->raise(L);
    reader->stream = stream;
    sr_websocket_streams->watch(stream, SAROS_READABLE | SAROS_CLOSED, on_event, reader);
    if (!has_news(stream)) return park(L, reader);
    stop_waiting(reader);
  }
  return results;
}

static int k_next(lua_State *L, int status, lua_KContext ctx) {
  Reader *reader = (Reader *)ctx;
  (void)status;
  stop_waiting(reader);
  if (sr_websocket_saros->aborted(L)) return sr_websocket_saros->raise(L);
  return go_on(L, reader, sr_websocket_streams->test(L, STREAM));
}

/*
** reader:next(stream [, seconds]) waits for what comes next: "text" or "binary" and a message, "ping" or "pong" and its
** data, "close" with reason and code, "fault" with what was wrong and the code to close with; "end" and why where the
** connection has ended. "late" once nothing has come for so many seconds, "end" the second time.
*/
static int l_next(lua_State *L) {
  Reader *reader = (Reader *)luaL_checkudata(L, SELF, CLASS);
  saros_stream *stream = sr_websocket_check_stream(L, STREAM);
  lua_settop(L, SECONDS);
  sr_websocket_saros->check(L, "websocket:receive");
  if (sr_websocket_saros->cancelled(L)) return sr_websocket_saros->raise(L);
  int results = next_event(L, reader, stream);
  return results > 0 ? sr_websocket_saros->ready(L, results) : go_on(L, reader, stream);
}

/* --- the class ------------------------------------------------------------------------------ */

static int l_gc(lua_State *L) {
  Reader *reader = (Reader *)luaL_checkudata(L, 1, CLASS);
  stop_waiting(reader);
  sr_websocket_decoder_close(&reader->decoder);
  return 0;
}

int sr_websocket_l_reader(lua_State *L) {
  bool is_server = lua_toboolean(L, 1);
  lua_Integer limit = luaL_checkinteger(L, 2);
  Reader *reader = (Reader *)lua_newuserdatauv(L, sizeof *reader, 0);
  memset(reader, 0, sizeof *reader);
  luaL_setmetatable(L, CLASS);
  reader->runtime = sr_websocket_saros->runtime(L);
  reader->timer.on_fire = on_late;
  sr_websocket_decoder_open(&reader->decoder, is_server, (size_t)limit, NULL);
  if (lua_isnoneornil(L, 3)) return 1;
  reader->decoder.inflater = sr_websocket_inflater_new((int)luaL_checkinteger(L, 3), lua_toboolean(L, 4));
  if (reader->decoder.inflater == NULL) return luaL_error(L, "not enough memory");
  return 1;
}

void sr_websocket_open_reader(lua_State *L) {
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, l_next);
  lua_setfield(L, -2, "next");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
