/* SPDX-License-Identifier: MIT */
/*
** The methods of a stream that read.
**
** What a call wants is packed into the context of its continuation, so that this can look again; the stream, and the
** delimiter if it is the caller's own, stand where the call left them.
*/
#include <stdint.h>
#include <string.h>

#include "io/faces.h"

typedef enum Method { READ, READ_EXACTLY, READ_ALL, CHUNKS, READ_LINE, READ_UNTIL, LINES } Method;

static const struct {
  const char *name; /* as messages show it */
  SrIoWant want;
  int stream; /* the index of the stream */
} methods[] = {
    [READ] = {"stream:read", SR_IO_SOME, 1},
    [READ_EXACTLY] = {"stream:read_exactly", SR_IO_EXACT, 1},
    [READ_ALL] = {"stream:read_all", SR_IO_ALL, 1},
    [CHUNKS] = {"stream:chunks", SR_IO_SOME, lua_upvalueindex(1)},
    [READ_LINE] = {"stream:read_line", SR_IO_UNTIL, 1},
    [READ_UNTIL] = {"stream:read_until", SR_IO_UNTIL, 1},
    [LINES] = {"stream:lines", SR_IO_UNTIL, lua_upvalueindex(1)},
};

/* Where read_until has its delimiter. */
enum { DELIMITER = 2 };

/* One call of a method. */
typedef struct Call {
  Method method;
  bool keep;    /* the delimiter belongs to the result */
  size_t count; /* how many bytes, at most or exactly */
} Call;

/* A Call in a context: three bits for the method, one for `keep`, the rest for the count. */
enum { METHOD_MASK = 7, KEEP_BIT = 8, COUNT_SHIFT = 4 };

/* What a count can be at most. */
static const lua_Integer MOST = (lua_Integer)(PTRDIFF_MAX >> COUNT_SHIFT);

/* How long a line may be unless the caller says otherwise, in bytes. */
enum { LINE_LIMIT = 1048576 };

static lua_KContext pack(Call call) {
  return (lua_KContext)(call.count << COUNT_SHIFT | (call.keep ? KEEP_BIT : 0) | call.method);
}

static Call unpack(lua_KContext ctx) {
  return (Call){
      .method = (Method)(ctx & METHOD_MASK), .keep = (ctx & KEEP_BIT) != 0, .count = (size_t)ctx >> COUNT_SHIFT};
}

static const char *function_of(Call call) {
  return methods[call.method].name;
}

static saros_stream *check_stream(lua_State *L, Method method) {
  return (saros_stream *)sr_io_self(L, &sr_io_stream_class, methods[method].name);
}

/* What it wants of the bytes. */
static void frame_call(lua_State *L, Call call, SrIoFrame *frame) {
  *frame = (SrIoFrame){.want = methods[call.method].want, .count = call.count, .delimiter = "\n", .length = 1};
  if (call.method == READ_UNTIL) frame->delimiter = lua_tolstring(L, DELIMITER, &frame->length);
}

/* --- results ------------------------------------------------------------------------ */

static int raise_status(lua_State *L, saros_stream *stream, Call call, int status) {
  sr_io_stream_push_error(L, stream, function_of(call), status);
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
static int raise_early_end(lua_State *L, saros_stream *stream, Call call) {
  int status = stream->end;
  if (status == UV_EOF || status == SAROS_ETRUNCATED) {
    size_t size = sr_buffer_length(&stream->in);
    if (!push_front(L, stream, size, size)) return 0;
    sr_io_stream_push_error(L, stream, function_of(call), status);
    lua_insert(L, -2);
    lua_setfield(L, -2, "partial");
    return lua_error(L);
  }
  return raise_status(L, stream, call, status);
}

/* The end has come, and with it all that will ever be there. */
static int push_end(lua_State *L, saros_stream *stream, Call call) {
  size_t size = sr_buffer_length(&stream->in);
  if (stream->transport == NULL) return raise_status(L, stream, call, UV_ECANCELED);
  if (stream->end != UV_EOF) return raise_early_end(L, stream, call);
  if (call.method == READ_ALL) return push_front(L, stream, size, size);
  if (size > 0) return raise_early_end(L, stream, call);
  lua_pushnil(L);
  return 1;
}

/* The line is dropped, also what is still to come of it: the next read begins behind it. */
static int raise_too_long(lua_State *L, saros_stream *stream, Call call, const SrIoFrame *frame) {
  lua_Integer limit = (lua_Integer)call.count;
  if (frame->taken > 0)
    sr_io_reader_consume(stream, frame->taken);
  else if (!sr_io_reader_skip(stream, frame))
    return luaL_error(L, "not enough memory");
  sr_io_saros->push_error(L, "LimitError", "ETOOLARGE", "%s: more than %I bytes without a delimiter", function_of(call),
                          (LUAI_UACINT)limit);
  lua_pushinteger(L, limit);
  lua_setfield(L, -2, "limit");
  return lua_error(L);
}

/* The short way of who waits for some bytes, if there are any. 0: push_answer knows more. */
static int push_some(lua_State *L, saros_stream *stream, Call call) {
  size_t size = methods[call.method].want == SR_IO_SOME ? sr_io_reader_count(stream) : 0;
  if (size > call.count) size = call.count;
  return size > 0 ? push_front(L, stream, size, size) : 0;
}

/* The results that there are, or an error; 0: one has to wait for the frame. */
static int push_answer(lua_State *L, saros_stream *stream, Call call, SrIoFrame *frame) {
  SrIoFound found;
  int count = 0;
  while (count == 0 && sr_io_reader_is_ready(stream, frame, &found)) {
    if (found == SR_IO_TOO_FAR) return raise_too_long(L, stream, call, frame);
    if (found == SR_IO_NOT_YET)
      count = push_end(L, stream, call);
    else
      count = push_front(L, stream, call.keep ? frame->taken : frame->content, frame->taken);
    frame->scanned = 0;
  }
  return count;
}

/* --- waiting ------------------------------------------------------------------------ */

/* Another task may have read between the wake and this turn: then wait again. */
static int k_read(lua_State *L, int status, lua_KContext ctx) {
  Call call = unpack(ctx);
  saros_stream *stream = (saros_stream *)lua_touserdata(L, methods[call.method].stream);
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (stream->is_readable) sr_io_reader_pull(stream);
  int count = push_some(L, stream, call);
  if (count > 0) return count;
  SrIoFrame frame;
  frame_call(L, call, &frame);
  count = push_answer(L, stream, call, &frame);
  if (count > 0) return count;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  sr_io_reader_check(L, stream);
  return sr_io_reader_park(L, stream, &frame, k_read, ctx);
}

static int perform(lua_State *L, saros_stream *stream, Call call) {
  bool is_cancelled = sr_io_saros->check(L, function_of(call));
  if (stream->transport == NULL) return raise_status(L, stream, call, UV_ECANCELED);
  sr_io_reader_check(L, stream);
  if (is_cancelled) return sr_io_saros->raise(L);
  SrIoFrame frame;
  frame_call(L, call, &frame);
  bool has_to_wait = call.count > 0 && sr_io_reader_is_dry(stream);
  int count = has_to_wait ? 0 : push_answer(L, stream, call, &frame);
  return count > 0 ? sr_io_saros->ready(L, count) : sr_io_reader_park(L, stream, &frame, k_read, pack(call));
}

/* --- read, read_exactly, read_all ------------------------------------------------------ */

static int l_read(lua_State *L) {
  saros_stream *stream = check_stream(L, READ);
  lua_Integer most = MOST;
  if (!lua_isnoneornil(L, 2)) most = sr_io_integer(L, methods[READ].name, 2, 1, 1, LUA_MAXINTEGER);
  return perform(L, stream, (Call){.method = READ, .count = (size_t)(most < MOST ? most : MOST)});
}

static int l_read_exactly(lua_State *L) {
  saros_stream *stream = check_stream(L, READ_EXACTLY);
  lua_Integer count = sr_io_integer(L, methods[READ_EXACTLY].name, 2, 1, 0, MOST);
  return perform(L, stream, (Call){.method = READ_EXACTLY, .count = (size_t)count});
}

static int l_read_all(lua_State *L) {
  return perform(L, check_stream(L, READ_ALL), (Call){.method = READ_ALL});
}

/* --- read_line, read_until ---------------------------------------------------------------- */

static const char *const line_options[] = {"limit", "keep", NULL};

/* What the options at `index` say. */
static Call check_line(lua_State *L, Method method, int index, int arg) {
  Call call = {.method = method, .count = LINE_LIMIT};
  if (lua_isnoneornil(L, index)) return call;
  sr_io_saros->check_options(L, function_of(call), index, arg, line_options);
  lua_getfield(L, index, "keep");
  call.keep = lua_toboolean(L, -1);
  lua_getfield(L, index, "limit");
  lua_Integer limit = LINE_LIMIT;
  if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0)
    limit = lua_tointeger(L, -1);
  else if (!lua_isnil(L, -1))
    sr_io_saros->arg_error(L, function_of(call), arg, "option 'limit' must be a positive integer");
  lua_pop(L, 2);
  call.count = (size_t)(limit < MOST ? limit : MOST);
  return call;
}

static int l_read_line(lua_State *L) {
  saros_stream *stream = check_stream(L, READ_LINE);
  return perform(L, stream, check_line(L, READ_LINE, 2, 1));
}

static void check_delimiter(lua_State *L, const char *function, int index) {
  size_t length;
  sr_io_string(L, function, index, 1, &length);
  if (length == 0) sr_io_saros->arg_error(L, function, 1, "must not be empty");
}

static int l_read_until(lua_State *L) {
  saros_stream *stream = check_stream(L, READ_UNTIL);
  check_delimiter(L, methods[READ_UNTIL].name, DELIMITER);
  return perform(L, stream, check_line(L, READ_UNTIL, 3, 2));
}

/* --- iterators ------------------------------------------------------------------------------ */

/* Upvalues: the stream, and the call as a context. */
static int l_next_line(lua_State *L) {
  saros_stream *stream = (saros_stream *)lua_touserdata(L, lua_upvalueindex(1));
  return perform(L, stream, unpack((lua_KContext)lua_tointeger(L, lua_upvalueindex(2))));
}

static int l_lines(lua_State *L) {
  check_stream(L, LINES);
  Call call = check_line(L, LINES, 2, 1);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, (lua_Integer)pack(call));
  lua_pushcclosure(L, l_next_line, 2);
  return 1;
}

/* Upvalue: the stream. */
static int l_next_chunk(lua_State *L) {
  saros_stream *stream = (saros_stream *)lua_touserdata(L, lua_upvalueindex(1));
  return perform(L, stream, (Call){.method = CHUNKS, .count = (size_t)MOST});
}

static int l_chunks(lua_State *L) {
  check_stream(L, CHUNKS);
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
