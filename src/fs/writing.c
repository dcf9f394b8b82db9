/* SPDX-License-Identifier: MIT */
/* The methods of a file that write, and those that are about its size and its position. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fs/file.h"

/* --- write ------------------------------------------------------------------------------- */

/* What is written goes where the program stands, or to the end of the file. */
static void act_write(SrFsTurn *turn) {
  size_t written;
  size_t size = sr_buffer_length(&turn->room);
  turn->syscall = "write";
  turn->writes = true;
  turn->status = sr_fs_write(&turn->handle, sr_buffer_front(&turn->room), size, turn->position, &written);
  sr_buffer_take(&turn->room, written);
  turn->moved = turn->appends ? sr_file_position(turn->handle.fd) : turn->position + (int64_t)written;
}

static int return_file(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  lua_settop(L, 1);
  return 1;
}

/* All of it is one piece, which no other gets into. */
static void fill(lua_State *L, SrFsTurn *turn) {
  size_t total = 0, length;
  for (int i = lua_gettop(L); i > 1; i--) total += lua_rawlen(L, i);
  if (!sr_buffer_reserve(&turn->room, total + 1)) {
    free(turn);
    luaL_error(L, "file:write: not enough memory");
  }
  for (int i = 2; i <= lua_gettop(L); i++) {
    const char *bytes = lua_tolstring(L, i, &length);
    sr_buffer_append(&turn->room, bytes, length);
  }
}

/* What was read ahead and is written over is read again. */
static int write_now(lua_State *L, SrFsFile *file) {
  SrFsTurn *turn = sr_fs_file_turn(L, file, act_write);
  fill(L, turn);
  if (file->is_seekable) {
    sr_buffer_clear(&file->in);
    if (!file->appends) turn->position = file->position;
  }
  return sr_fs_file_await(L, file, turn, return_file);
}

/* Until Lua 5.5 io writes floats without the ".0" that shows them to be some. */
static const bool is_plain = LUA_VERSION_NUM < 505;

static void write_plainly(lua_State *L, int index) {
  char text[64];
  snprintf(text, sizeof text, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, index));
  lua_pushstring(L, text);
  lua_replace(L, index);
}

/* Strings and numbers; those become strings, as io makes them. */
static void check_pieces(lua_State *L) {
  for (int i = 2; i <= lua_gettop(L); i++) {
    bool is_float = lua_type(L, i) == LUA_TNUMBER && !lua_isinteger(L, i);
    if (is_float && is_plain) write_plainly(L, i);
    if (lua_tolstring(L, i, NULL) == NULL) sr_io_type_error(L, "file:write", i, i - 1, "string");
  }
}

static int l_write(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:write");
  check_pieces(L);
  if (sr_fs_file_begin(L, file, "file:write")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, write_now);
}

/* --- seek ---------------------------------------------------------------------------------- */

/* Bytes that were read ahead stay if the new place is among them, or right behind. */
static int move_to(lua_State *L, SrFsFile *file, int64_t base) {
  lua_Integer offset = lua_tointeger(L, 3);
  int64_t ahead = (int64_t)sr_buffer_length(&file->in);
  if (offset < -base || (base > 0 && offset > INT64_MAX - base)) sr_fs_file_fail(L, file, UV_EINVAL, "seek");
  int64_t target = base + offset, distance = target - file->position;
  if (distance >= 0 && distance <= ahead)
    sr_buffer_take(&file->in, (size_t)distance);
  else {
    sr_buffer_clear(&file->in);
    file->ahead = 0;
  }
  sr_fs_file_move(file, target);
  lua_pushinteger(L, target);
  return sr_io_saros->ready(L, 1);
}

static void act_stat(SrFsTurn *turn) {
  turn->syscall = "fstat";
  turn->status = sr_fs_fstat(turn->handle.fd, &turn->stat);
}

static int seek_from_end(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  return move_to(L, file, (int64_t)file->stat.st_size);
}

static int seek_now(lua_State *L, SrFsFile *file) {
  const char *whence = lua_tostring(L, 2);
  if (!file->is_seekable) return sr_fs_file_fail(L, file, UV_ESPIPE, "seek");
  if (whence[0] == 'e') return sr_fs_file_await(L, file, sr_fs_file_turn(L, file, act_stat), seek_from_end);
  return move_to(L, file, whence[0] == 'c' ? file->position : 0);
}

static void check_whence(lua_State *L) {
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 3);
    lua_pushliteral(L, "cur");
    lua_replace(L, 2);
  }
  const char *whence = sr_io_string(L, "file:seek", 2, 1, NULL);
  if (strcmp(whence, "set") != 0 && strcmp(whence, "cur") != 0 && strcmp(whence, "end") != 0)
    sr_io_saros->arg_error(L, "file:seek", 1, "invalid option '%s'", whence);
}

/* file:seek([whence [, offset]]) returns the new position. */
static int l_seek(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:seek");
  check_whence(L);
  if (!lua_isnoneornil(L, 3)) sr_io_integer(L, "file:seek", 3, 2, LUA_MININTEGER, LUA_MAXINTEGER);
  lua_settop(L, 3);
  if (sr_fs_file_begin(L, file, "file:seek")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, seek_now);
}

/* --- the rest -------------------------------------------------------------------------------- */

static int return_true(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  lua_pushboolean(L, 1);
  return 1;
}

static void act_truncate(SrFsTurn *turn) {
  turn->syscall = "ftruncate";
  turn->status = sr_fs_ftruncate(turn->handle.fd, turn->position);
}

static int truncate_now(lua_State *L, SrFsFile *file) {
  SrFsTurn *turn = sr_fs_file_turn(L, file, act_truncate);
  turn->position = lua_isnoneornil(L, 2) ? file->position : lua_tointeger(L, 2);
  if (file->is_seekable) sr_buffer_clear(&file->in);
  return sr_fs_file_await(L, file, turn, return_true);
}

/* file:truncate([size]): the file has that size, or ends where the program stands. */
static int l_truncate(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:truncate");
  if (!lua_isnoneornil(L, 2)) sr_io_integer(L, "file:truncate", 2, 1, 0, LUA_MAXINTEGER);
  if (sr_fs_file_begin(L, file, "file:truncate")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, truncate_now);
}

static void act_sync(SrFsTurn *turn) {
  turn->syscall = "fsync";
  turn->status = sr_fs_fsync(turn->handle.fd);
}

static int sync_now(lua_State *L, SrFsFile *file) {
  return sr_fs_file_await(L, file, sr_fs_file_turn(L, file, act_sync), return_true);
}

static int l_sync(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:sync");
  if (sr_fs_file_begin(L, file, "file:sync")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, sync_now);
}

static int flush_now(lua_State *L, SrFsFile *file) {
  (void)file;
  lua_pushboolean(L, 1);
  return sr_io_saros->ready(L, 1);
}

/* A write that has returned is the system's already; one that was cancelled may be under way. */
static int l_flush(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:flush");
  if (sr_fs_file_begin(L, file, "file:flush")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, flush_now);
}

static int return_stat(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  sr_fs_push_stat(L, &file->stat);
  return 1;
}

static int stat_now(lua_State *L, SrFsFile *file) {
  return sr_fs_file_await(L, file, sr_fs_file_turn(L, file, act_stat), return_stat);
}

static int l_stat(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:stat");
  if (sr_fs_file_begin(L, file, "file:stat")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, stat_now);
}

const luaL_Reg sr_fs_write_methods[] = {{"write", l_write}, {"seek", l_seek},   {"truncate", l_truncate},
                                        {"sync", l_sync},   {"flush", l_flush}, {"stat", l_stat},
                                        {NULL, NULL}};
