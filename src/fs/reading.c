/* SPDX-License-Identifier: MIT */
/*
** The methods of a file that read, with the formats of Lua's io library.
**
** The formats stand on the stack behind the file, and what was read so far behind them; so whatever ends a wait, the
** next look finds both. Bytes leave the buffer when the call returns: who is cancelled has lost none.
*/
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "fs/file.h"
#include "fs/number.h"
#include "io/failure.h"

/* So much is read ahead; twice as much each time by who goes on reading, and more for one long line. */
enum { AHEAD = 65536, MOST_AHEAD = 262144, LONG_LINE = 1048576 };

/* As many formats as an iterator may have. */
enum { MOST_FORMATS = 250 }; /* Lua has 255 upvalues */

static const lua_Integer MOST = (lua_Integer)(PTRDIFF_MAX / 2);

/* --- in a thread ------------------------------------------------------------------------- */

/* How much of the file is to come, or what is to be read at once. */
static size_t expected_of(SrFsTurn *turn) {
  if (!turn->wants_all || !turn->handle.is_seekable) return turn->count;
  if (sr_fs_fstat(turn->handle.fd, &turn->stat) != 0 || (int64_t)turn->stat.st_size <= turn->position) return AHEAD;
  return (size_t)((int64_t)turn->stat.st_size - turn->position) + 1;
}

/* One read; or, of a file with positions of which all is wanted, as many as it takes. */
static void act_read(SrFsTurn *turn) {
  size_t expected = expected_of(turn);
  turn->syscall = "read";
  for (;;) {
    if (!sr_buffer_reserve(&turn->room, expected)) {
      turn->status = UV_ENOMEM;
      return;
    }
    char *into = turn->room.data + turn->room.size;
    size_t room = turn->room.capacity - turn->room.size;
    ptrdiff_t count = sr_fs_read(&turn->handle, into, room, turn->position);
    if (count < 0) turn->status = (int)count;
    if (count == 0) turn->has_ended = true;
    if (count <= 0) return;
    turn->room.size += (size_t)count;
    if (!turn->wants_all || !turn->handle.is_seekable || sr_fs_is_abandoned(&turn->job)) return;
    turn->position += count;
    expected = expected > (size_t)count ? expected - (size_t)count : AHEAD;
  }
}

/* --- formats ------------------------------------------------------------------------------- */

/* What a format comes to with the bytes that are there. */
typedef enum Outcome {
  MADE,   /* its value was pushed */
  FAILED, /* nil was pushed: no such thing is there, and nothing behind it is read */
  MORE    /* more bytes are needed */
} Outcome;

/* What a format wants. */
typedef struct Want {
  char what;    /* 'n', 'l', 'L', 'a'; 0: bytes */
  size_t count; /* of those */
} Want;

/* The bytes that no format has taken yet. */
static size_t front(const SrFsFile *file, const char **bytes) {
  *bytes = sr_buffer_front(&file->in) + file->taken;
  return sr_buffer_length(&file->in) - file->taken;
}

/* The value was pushed. */
static Outcome take(SrFsFile *file, size_t count) {
  file->taken += count;
  file->scanned = 0;
  return MADE;
}

/* The call returns: what was taken is gone. A finalizer may have closed the file. */
static void commit(SrFsFile *file) {
  if (file->fd < 0 || file->taken == 0) return;
  sr_buffer_take(&file->in, file->taken);
  sr_fs_file_move(file, file->position + (int64_t)file->taken);
  file->taken = 0;
  if (file->in.size == 0 && file->in.capacity > LONG_LINE) sr_buffer_free(&file->in);
}

static Outcome push_nil(lua_State *L) {
  lua_pushnil(L);
  return FAILED;
}

static Outcome read_line(lua_State *L, SrFsFile *file, bool keeps) {
  const char *bytes;
  size_t size = front(file, &bytes);
  const char *end = size > file->scanned ? memchr(bytes + file->scanned, '\n', size - file->scanned) : NULL;
  if (end != NULL) {
    size_t length = (size_t)(end - bytes);
    lua_pushlstring(L, bytes, keeps ? length + 1 : length);
    return take(file, length + 1);
  }
  file->scanned = size;
  if (!file->has_ended) return MORE;
  if (size == 0) return push_nil(L);
  lua_pushlstring(L, bytes, size);
  return take(file, size);
}

/* None of them: whether the end has come. */
static Outcome read_bytes(lua_State *L, SrFsFile *file, size_t count) {
  const char *bytes;
  size_t size = front(file, &bytes), least = count > 0 ? count : 1;
  if (size < least && !file->has_ended) return MORE;
  if (size == 0) return push_nil(L);
  if (count > size) count = size;
  lua_pushlstring(L, bytes, count);
  return take(file, count);
}

static Outcome read_all(lua_State *L, SrFsFile *file) {
  const char *bytes;
  if (!file->has_ended) return MORE;
  size_t size = front(file, &bytes);
  lua_pushlstring(L, bytes, size);
  return take(file, size);
}

/* Blanks are taken as they come, so that many of them need no room. */
static Outcome read_number(lua_State *L, SrFsFile *file) {
  SrFsNumeral numeral;
  const char *bytes;
  size_t size = front(file, &bytes);
  bool is_whole = sr_fs_numeral(&numeral, bytes, size, file->has_ended);
  if (!is_whole && numeral.text[0] == '\0') take(file, numeral.taken);
  if (!is_whole) return MORE;
  take(file, numeral.taken);
  if (lua_stringtonumber(L, numeral.text) == 0) return push_nil(L);
  return MADE;
}

static Want want_at(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) return (Want){0, (size_t)lua_tointeger(L, index)};
  const char *format = lua_tostring(L, index);
  return (Want){format[0] == '*' ? format[1] : format[0], 0};
}

static Outcome read_one(lua_State *L, SrFsFile *file, Want want) {
  switch (want.what) {
  case 'n': return read_number(L, file);
  case 'l': return read_line(L, file, false);
  case 'L': return read_line(L, file, true);
  case 'a': return read_all(L, file);
  default: return read_bytes(L, file, want.count);
  }
}

/* --- reading ------------------------------------------------------------------------------ */

static int go_on(lua_State *L, SrFsFile *file);

static size_t ahead_for(SrFsFile *file, Want want) {
  size_t size = sr_buffer_length(&file->in);
  if (want.what == 0 && want.count > size && want.count - size > AHEAD) size = want.count - size;
  file->ahead = file->ahead == 0 ? AHEAD : file->ahead < MOST_AHEAD ? 2 * file->ahead : MOST_AHEAD;
  if (size < file->ahead) return file->ahead;
  return size < LONG_LINE ? size : LONG_LINE;
}

static int read_more(lua_State *L, SrFsFile *file, Want want) {
  SrFsTurn *turn = sr_fs_file_turn(L, file, act_read);
  turn->is_read = true;
  turn->wants_all = want.what == 'a';
  turn->count = ahead_for(file, want);
  if (file->is_seekable) turn->position = file->position + (int64_t)sr_buffer_length(&file->in);
  return sr_fs_file_await(L, file, turn, go_on);
}

/* How many formats have their values. */
static int done_of(lua_State *L, const SrFsFile *file) {
  return lua_gettop(L) - 1 - file->formats;
}

/* Hands out the values. The file of an iterator that has come to its end may be closed by that. */
static int finish(lua_State *L, SrFsFile *file) {
  int count = done_of(L, file);
  commit(file);
  if (file->closes_at_end && file->fd >= 0 && lua_isnil(L, -count)) return sr_fs_file_close_at_end(L, file);
  return sr_io_saros->ready(L, count);
}

static int go_on(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  Outcome outcome = MADE;
  while (outcome == MADE && done_of(L, file) < file->formats) {
    if (file->fd < 0) return sr_io_raise_closed(L, "the file is closed"); /* by a finalizer */
    Want want = want_at(L, 2 + done_of(L, file));
    outcome = read_one(L, file, want);
    if (outcome == MORE) return read_more(L, file, want);
  }
  return finish(L, file);
}

/* The file and its formats are the stack. */
static int begin(lua_State *L, const char *function) {
  SrFsFile *file = (SrFsFile *)lua_touserdata(L, 1);
  if (sr_fs_file_begin(L, file, function)) return sr_io_saros->raise(L);
  file->formats = lua_gettop(L) - 1;
  file->has_ended = false;
  file->status = 0;
  file->scanned = file->taken = 0;
  return sr_fs_file_go(L, file, go_on);
}

/* --- what programs call --------------------------------------------------------------------- */

static void check_format(lua_State *L, const char *function, int index, int arg) {
  if (lua_type(L, index) == LUA_TNUMBER) {
    sr_io_integer(L, function, index, arg, 0, MOST);
    return;
  }
  size_t length;
  const char *format = sr_io_string(L, function, index, arg, &length);
  if (*format == '*') format++;
  if (*format == '\0' || strchr("nlLa", *format) == NULL) sr_io_saros->arg_error(L, function, arg, "invalid format");
}

/* Formats from `index` on, the first of which is argument `arg`; without any, a line. */
static void check_formats(lua_State *L, const char *function, int index, int arg) {
  int count = lua_gettop(L) - index + 1;
  if (count > MOST_FORMATS) sr_io_saros->arg_error(L, function, arg + MOST_FORMATS, "too many arguments");
  luaL_checkstack(L, count + LUA_MINSTACK, "too many arguments");
  for (int i = 0; i < count; i++) check_format(L, function, index + i, arg + i);
  if (count == 0) lua_pushliteral(L, "l");
}

static int l_read(lua_State *L) {
  sr_fs_file_self(L, "file:read");
  check_formats(L, "file:read", 2, 1);
  return begin(L, "file:read");
}

/* --- iterators ------------------------------------------------------------------------------- */

enum { UP_FILE = 1, UP_COUNT, UP_FORMATS };

static int l_next(lua_State *L) {
  int count = (int)lua_tointeger(L, lua_upvalueindex(UP_COUNT));
  lua_settop(L, 0);
  luaL_checkstack(L, 2 * count + LUA_MINSTACK, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(UP_FILE));
  for (int i = 0; i < count; i++) lua_pushvalue(L, lua_upvalueindex(UP_FORMATS + i));
  return begin(L, "file:lines");
}

/* The file and its formats are the stack. */
static int push_lines(lua_State *L) {
  int count = lua_gettop(L) - 1;
  lua_pushinteger(L, count);
  lua_insert(L, 2);
  lua_pushcclosure(L, l_next, count + UP_FORMATS - 1);
  return 1;
}

static int l_lines(lua_State *L) {
  const SrFsFile *file = sr_fs_file_self(L, "file:lines");
  check_formats(L, "file:lines", 2, 1);
  if (file->fd < 0) return sr_io_raise_closed(L, "the file is closed");
  return push_lines(L);
}

int sr_fs_l_lines(lua_State *L) {
  sr_fs_file_self(L, "lines")->closes_at_end = true;
  check_formats(L, "lines", 2, 2);
  return push_lines(L);
}

int sr_fs_l_check_formats(lua_State *L) {
  check_formats(L, "lines", 2, 2);
  return 0;
}

const luaL_Reg sr_fs_read_methods[] = {{"read", l_read}, {"lines", l_lines}, {NULL, NULL}};
