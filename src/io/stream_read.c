/* SPDX-License-Identifier: MIT */
/*
** The methods of a stream that read.
**
** Every one of them puts what it wants on the stack of the task, so that its continuation can look again: the stream,
** what is wanted, how much of it, the delimiter or nil, whether to keep that, and the name of the function.
*/
#include <stdint.h>
#include <string.h>

#include "io/faces.h"

enum { STREAM = 1, WANT, COUNT, DELIMITER, KEEP, FUNCTION, LAST = FUNCTION };

/* How long a line may be unless the caller says otherwise, in bytes. */
enum { LINE_LIMIT = 1048576 };

static const lua_Integer MOST = (lua_Integer)(PTRDIFF_MAX / 2);

static saros_stream *check_stream(lua_State *L, const char *function) {
  return (saros_stream *)sr_io_self(L, &sr_io_stream_class, function);
}

static const char *function_of(lua_State *L) {
  return (const char *)lua_touserdata(L, FUNCTION);
}

static SrIoFrame frame_of(lua_State *L) {
  SrIoFrame frame = {.want = (SrIoWant)lua_tointeger(L, WANT), .count = (size_t)lua_tointeger(L, COUNT)};
  frame.delimiter = lua_tolstring(L, DELIMITER, &frame.length);
  return frame;
}

/* --- results ------------------------------------------------------------------------ */

static int raise_status(lua_State *L, saros_stream *stream, int status) {
  sr_io_stream_push_error(L, stream, function_of(L), status);
  return lua_error(L);
}

/*
** Pushes the first `content` bytes, then takes `taken` of them: who has no memory for the string has lost nothing. The
** collector works in between, and a finalizer may have read or closed the stream: 0 then, and one has to look again.
*/
static int push_front(lua_State *L, saros_stream *stream, size_t content, size_t taken) {
  unsigned handed = stream->handed;
  lua_pushlstring(L, sr_buffer_front(&stream->in), content);
  if (stream->handed != handed) return lua_pop(L, 1), 0;
  sr_io_reader_consume(stream, taken);
  return 1;
}

/* Raises what has to be said of data that ended too early; what there was of it goes along, where nothing follows. */
static int raise_early_end(lua_State *L, saros_stream *stream) {
  int status = stream->end;
  if (status == UV_EOF || status == SAROS_ETRUNCATED) {
    size_t size = sr_buffer_length(&stream->in);
    if (!push_front(L, stream, size, size)) return 0;
    sr_io_stream_push_error(L, stream, function_of(L), status);
    lua_insert(L, -2);
    lua_setfield(L, -2, "partial");
    return lua_error(L);
  }
  return raise_status(L, stream, status);
}

/* The end has come, and with it all that will ever be there. */
static int push_end(lua_State *L, saros_stream *stream, const SrIoFrame *frame) {
  size_t size = sr_buffer_length(&stream->in);
  if (stream->transport == NULL) return raise_status(L, stream, UV_ECANCELED);
  if (stream->end != UV_EOF) return raise_early_end(L, stream);
  if (frame->want == SR_IO_ALL) return push_front(L, stream, size, size);
  if (size > 0) return raise_early_end(L, stream);
  lua_pushnil(L);
  return 1;
}

/* The line is dropped, also what is still to come of it: the next read begins behind it. */
static int raise_too_long(lua_State *L, saros_stream *stream, const SrIoFrame *frame) {
  lua_Integer limit = lua_tointeger(L, COUNT);
  if (frame->taken > 0)
    sr_io_reader_consume(stream, frame->taken);
  else if (!sr_io_reader_skip(stream, frame))
    return luaL_error(L, "not enough memory");
  sr_io_saros->push_error(L, "LimitError", "ETOOLARGE", "%s: more than %I bytes without a delimiter", function_of(L),
                          (LUAI_UACINT)limit);
  lua_pushinteger(L, limit);
  lua_setfield(L, -2, "limit");
  return lua_error(L);
}

/* The results that there are, or an error; 0: one has to wait. */
static int push_answer(lua_State *L, saros_stream *stream) {
  SrIoFrame frame = frame_of(L);
  SrIoFound found;
  int count = 0;
  while (count == 0 && sr_io_reader_is_ready(stream, &frame, &found)) {
    if (found == SR_IO_TOO_FAR) return raise_too_long(L, stream, &frame);
    if (found == SR_IO_NOT_YET)
      count = push_end(L, stream, &frame);
    else
      count = push_front(L, stream, lua_toboolean(L, KEEP) ? frame.taken : frame.content, frame.taken);
    frame.scanned = 0;
  }
  return count;
}

/* --- waiting ------------------------------------------------------------------------ */

static int k_read(lua_State *L, int status, lua_KContext ctx);

static int park(lua_State *L, saros_stream *stream) {
  SrIoFrame frame = frame_of(L);
  return sr_io_reader_park(L, stream, &frame, k_read, (lua_KContext)stream);
}

/* Another task may have read between the wake and this turn: then wait again. */
static int k_read(lua_State *L, int status, lua_KContext ctx) {
  saros_stream *stream = (saros_stream *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  int count = push_answer(L, stream);
  if (count > 0) return count;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  sr_io_reader_check(L, stream);
  return park(L, stream);
}

/* The slots are filled. */
static int perform(lua_State *L, saros_stream *stream) {
  sr_io_saros->check(L, function_of(L));
  if (stream->transport == NULL) return raise_status(L, stream, UV_ECANCELED);
  sr_io_reader_check(L, stream);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  int count = push_answer(L, stream);
  return count > 0 ? sr_io_saros->ready(L, count) : park(L, stream);
}

/* Fills the slots behind the stream; the delimiter, or nil, is on top. */
static int read_what(lua_State *L, saros_stream *stream, SrIoWant want, lua_Integer count, bool keep,
                     const char *function) {
  lua_insert(L, STREAM + 1);
  lua_settop(L, STREAM + 1);
  lua_pushinteger(L, want);
  lua_insert(L, WANT);
  lua_pushinteger(L, count);
  lua_insert(L, COUNT);
  lua_pushboolean(L, keep);
  lua_pushlightuserdata(L, (void *)(uintptr_t)function);
  return perform(L, stream);
}

static int read_plainly(lua_State *L, saros_stream *stream, SrIoWant want, lua_Integer count, const char *function) {
  lua_pushnil(L);
  return read_what(L, stream, want, count, false, function);
}

/* --- read, read_exactly, read_all ------------------------------------------------------ */

static int l_read(lua_State *L) {
  saros_stream *stream = check_stream(L, "stream:read");
  lua_Integer most = MOST;
  if (!lua_isnoneornil(L, 2)) most = sr_io_integer(L, "stream:read", 2, 1, 1, MOST);
  return read_plainly(L, stream, SR_IO_SOME, most, "stream:read");
}

static int l_read_exactly(lua_State *L) {
  saros_stream *stream = check_stream(L, "stream:read_exactly");
  lua_Integer count = sr_io_integer(L, "stream:read_exactly", 2, 1, 0, MOST);
  return read_plainly(L, stream, SR_IO_EXACT, count, "stream:read_exactly");
}

static int l_read_all(lua_State *L) {
  return read_plainly(L, check_stream(L, "stream:read_all"), SR_IO_ALL, 0, "stream:read_all");
}

/* --- read_line, read_until ---------------------------------------------------------------- */

static const char *const line_options[] = {"limit", "keep", NULL};

/* What the options at `index` say. */
static lua_Integer check_line(lua_State *L, const char *function, int index, int arg, bool *keep) {
  *keep = false;
  if (lua_isnoneornil(L, index)) return LINE_LIMIT;
  sr_io_options(L, function, index, arg, line_options);
  lua_getfield(L, index, "keep");
  *keep = lua_toboolean(L, -1);
  lua_getfield(L, index, "limit");
  lua_Integer limit = LINE_LIMIT;
  if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0)
    limit = lua_tointeger(L, -1);
  else if (!lua_isnil(L, -1))
    sr_io_saros->arg_error(L, function, arg, "option 'limit' must be a positive integer");
  lua_pop(L, 2);
  return limit < MOST ? limit : MOST;
}

static int l_read_line(lua_State *L) {
  bool keep;
  saros_stream *stream = check_stream(L, "stream:read_line");
  lua_Integer limit = check_line(L, "stream:read_line", 2, 1, &keep);
  lua_pushliteral(L, "\n");
  return read_what(L, stream, SR_IO_UNTIL, limit, keep, "stream:read_line");
}

static void check_delimiter(lua_State *L, const char *function, int index) {
  size_t length;
  sr_io_string(L, function, index, 1, &length);
  if (length == 0) sr_io_saros->arg_error(L, function, 1, "must not be empty");
}

static int l_read_until(lua_State *L) {
  bool keep;
  saros_stream *stream = check_stream(L, "stream:read_until");
  check_delimiter(L, "stream:read_until", 2);
  lua_Integer limit = check_line(L, "stream:read_until", 3, 2, &keep);
  lua_pushvalue(L, 2);
  return read_what(L, stream, SR_IO_UNTIL, limit, keep, "stream:read_until");
}

/* --- iterators ------------------------------------------------------------------------------ */

static int l_next_line(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  saros_stream *stream = (saros_stream *)lua_touserdata(L, 1);
  lua_pushliteral(L, "\n");
  return read_what(L, stream, SR_IO_UNTIL, lua_tointeger(L, lua_upvalueindex(2)), lua_toboolean(L, lua_upvalueindex(3)),
                   "stream:lines");
}

static int l_lines(lua_State *L) {
  bool keep;
  check_stream(L, "stream:lines");
  lua_Integer limit = check_line(L, "stream:lines", 2, 1, &keep);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, limit);
  lua_pushboolean(L, keep);
  lua_pushcclosure(L, l_next_line, 3);
  return 1;
}

static int l_next_chunk(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  return read_plainly(L, (saros_stream *)lua_touserdata(L, 1), SR_IO_SOME, MOST, "stream:chunks");
}

static int l_chunks(lua_State *L) {
  check_stream(L, "stream:chunks");
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, l_next_chunk, 1);
  return 1;
}

const luaL_Reg sr_io_read_methods[] = {
    {"read", l_read},
    {"read_exactly", l_read_exactly},
    {"read_all", l_read_all},
    {"read_line", l_read_line},
    {"read_until", l_read_until},
    {"lines", l_lines},
    {"chunks", l_chunks},
    {NULL, NULL},
};
