/* SPDX-License-Identifier: MIT */
/*
** stream:pipe_to(target): from the buffer of one stream straight to the other, without Lua strings.
**
** While a write waits its bytes stay in the source: cancelled before any of them has left, nothing is lost. Nobody
** else may read meanwhile, so the source is marked.
*/
#include <stdint.h>

#include "io/faces.h"

static const char FUNCTION[] = "stream:pipe_to";

enum { SOURCE = 1, TARGET, SHUTS_DOWN, TOTAL, COUNT, LAST = COUNT };

static int go_on(lua_State *L);

static void set_integer(lua_State *L, int index, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_replace(L, index);
}

static saros_stream *stream_at(lua_State *L, int index) {
  return (saros_stream *)lua_touserdata(L, index);
}

/* --- the ways out ------------------------------------------------------------------- */

static int raise_cancelled(lua_State *L) {
  stream_at(L, SOURCE)->is_piped = false;
  return sr_io_saros->raise(L);
}

static int raise_status(lua_State *L, int index, int status) {
  stream_at(L, SOURCE)->is_piped = false;
  if (status == UV_ENOMEM) return luaL_error(L, "not enough memory");
  sr_io_stream_push_error(L, stream_at(L, index), index == TARGET ? "write" : FUNCTION, status);
  return lua_error(L);
}

static int finish(lua_State *L) {
  stream_at(L, SOURCE)->is_piped = false;
  lua_pushvalue(L, TOTAL);
  return 1;
}

static int k_shutdown(lua_State *L, int status, lua_KContext ctx) {
  status = sr_io_writer_finish((SrIoWriter *)ctx);
  if (sr_io_saros->aborted(L)) return raise_cancelled(L);
  return status != 0 ? raise_status(L, TARGET, status) : finish(L);
}

/* The source has nothing more to give. */
static int end(lua_State *L, const saros_stream *source) {
  int status = source->transport == NULL ? UV_ECANCELED : source->end;
  if (status != UV_EOF) return raise_status(L, SOURCE, status);
  if (!lua_toboolean(L, SHUTS_DOWN)) return finish(L);
  SrIoWriter *writer = sr_io_writer_shutdown(stream_at(L, TARGET), &status);
  if (writer != NULL) return sr_io_writer_park(L, writer, k_shutdown);
  return status != 0 ? raise_status(L, TARGET, status) : finish(L);
}

/* --- going on -------------------------------------------------------------------------- */

static void consume(lua_State *L, lua_Integer count) {
  saros_stream *source = stream_at(L, SOURCE);
  if (source->transport != NULL) sr_io_reader_consume(source, (size_t)count);
  set_integer(L, TOTAL, lua_tointeger(L, TOTAL) + count);
}

/* If the source was closed meanwhile the message goes on without its task. */
static int k_written(lua_State *L, int status, lua_KContext ctx) {
  stream_at(L, SOURCE)->piped = NULL;
  status = sr_io_writer_finish((SrIoWriter *)ctx);
  if (sr_io_saros->aborted(L)) return raise_cancelled(L);
  if (status != 0) return raise_status(L, TARGET, status);
  consume(L, lua_tointeger(L, COUNT));
  return go_on(L);
}

static int k_readable(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return sr_io_saros->aborted(L) ? raise_cancelled(L) : go_on(L);
}

static int go_on(lua_State *L) {
  saros_stream *source = stream_at(L, SOURCE), *target = stream_at(L, TARGET);
  SrIoFrame frame = {.want = SR_IO_SOME, .count = SIZE_MAX};
  SrIoFound found;
  if (sr_io_saros->cancelled(L)) return raise_cancelled(L);
  while (sr_io_reader_is_ready(source, &frame, &found)) {
    if (found != SR_IO_FOUND) return end(L, source);
    SrIoWriter *blocked;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)sr_buffer_front(&source->in), 0);
    buf.len = frame.content;
    int status = sr_io_writer_send(target, &buf, 1, &blocked);
    if (status != 0) return raise_status(L, TARGET, status);
    set_integer(L, COUNT, (lua_Integer)frame.content);
    if (blocked != NULL) {
      source->piped = &blocked->wait;
      return sr_io_writer_park(L, blocked, k_written);
    }
    consume(L, (lua_Integer)frame.content);
  }
  return sr_io_reader_park(L, source, &frame, k_readable, 0);
}

/* --- pipe_to ------------------------------------------------------------------------------ */

static bool check_shutdown(lua_State *L) {
  static const char *const known[] = {"shutdown", NULL};
  if (lua_isnoneornil(L, 3)) return true;
  sr_io_saros->check_options(L, FUNCTION, 3, 2, known);
  int type = lua_getfield(L, 3, "shutdown");
  if (type != LUA_TBOOLEAN && type != LUA_TNIL)
    sr_io_saros->arg_error(L, FUNCTION, 2, "option 'shutdown': boolean expected, got %s", lua_typename(L, type));
  bool shuts_down = type == LUA_TNIL || lua_toboolean(L, -1);
  lua_pop(L, 1);
  return shuts_down;
}

int sr_io_l_pipe_to(lua_State *L) {
  saros_stream *source = (saros_stream *)sr_io_self(L, &sr_io_stream_class, FUNCTION);
  if (sr_io_test(L, 2, &sr_io_stream_class) == NULL) sr_io_type_error(L, FUNCTION, 2, 1, "stream");
  bool shuts_down = check_shutdown(L);
  lua_settop(L, TARGET);
  lua_pushboolean(L, shuts_down);
  lua_pushinteger(L, 0);
  lua_pushinteger(L, 0);
  sr_io_saros->check(L, FUNCTION);
  sr_io_reader_check(L, source);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  source->is_piped = true;
  return go_on(L);
}
