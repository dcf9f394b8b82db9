/* SPDX-License-Identifier: MIT */
/*
** The same as find, see find.c, for a file that the system has in memory: at once, without a thread. That is only for
** files of which find has said that this can be known: to open and to close others may wait for somebody.
**
** While a file is open here nothing is allocated: that might raise, or run finalizers.
*/
#include "fs/cached.h"

#include <sys/stat.h>

#include "base/cached.h"
#include "fs/opening.h"

/* The frame of the functions, and the upvalue of the first: SMALL bytes. */
enum { FOLDER = 1, PATH, UP_ROOM = 1 };

enum { SMALL = 65536 };

/* Opens the file that the functions are given. Negative: whatever is there cannot be had so. [-0, +0, -] */
static uv_file open_file(lua_State *L, uv_stat_t *stat) {
  uv_file fd = sr_cached_open(lua_tostring(L, FOLDER), lua_tostring(L, PATH));
  if (fd < 0) return fd;
  if (sr_fs_fstat(fd, stat) == 0 && (stat->st_mode & S_IFMT) == S_IFREG) return fd;
  sr_fs_close(fd);
  return -1;
}

/* They may be called where find may. [-0, +0, v] */
static bool begin(lua_State *L, const char *function) {
  luaL_checkstring(L, FOLDER);
  luaL_checkstring(L, PATH);
  lua_settop(L, PATH);
  sr_io_saros->check(L, function);
  return sr_io_saros->cancelled(L);
}

static void push_stat(lua_State *L, const uv_stat_t *stat) {
  lua_pushinteger(L, (lua_Integer)stat->st_size);
  lua_pushnumber(L, (lua_Number)sr_fs_mtime(stat));
}

/* stat_cached(folder, path below it): its size, when it was changed, if it may be read; else nil. */
static int l_stat_cached(lua_State *L) {
  uv_stat_t stat;
  if (begin(L, "stat_cached")) return sr_io_saros->raise(L);
  uv_file fd = open_file(L, &stat);
  if (fd < 0) return 0;
  sr_fs_close(fd);
  push_stat(L, &stat);
  return sr_io_saros->ready(L, 2);
}

/* read_cached(folder, path below it): its size, when it was changed, all of it, if that is little; else nil. */
static int l_read_cached(lua_State *L) {
  char *room = (char *)lua_touserdata(L, lua_upvalueindex(UP_ROOM));
  uv_stat_t stat;
  if (begin(L, "read_cached")) return sr_io_saros->raise(L);
  uv_file fd = open_file(L, &stat);
  if (fd < 0) return 0;
  ptrdiff_t count = stat.st_size <= SMALL ? sr_cached_read(fd, room, (size_t)stat.st_size) : -1;
  sr_fs_close(fd);
  if (count < 0 || (uint64_t)count != stat.st_size) return 0;
  push_stat(L, &stat);
  lua_pushlstring(L, room, (size_t)count);
  return sr_io_saros->ready(L, 3);
}

/* open_cached(folder, path below it): its size, when it was changed, the open file, its descriptor; else nil. */
static int l_open_cached(lua_State *L) {
  uv_stat_t stat;
  if (begin(L, "open_cached")) return sr_io_saros->raise(L);
  lua_pushfstring(L, "%s%s", lua_tostring(L, FOLDER), lua_tostring(L, PATH));
  SrFsFile *file = sr_fs_opening_new(L, lua_tostring(L, -1));
  SrFsHandle handle = {.fd = open_file(L, &stat), .is_seekable = true};
  if (handle.fd < 0) return 0;
  sr_fs_file_open(L, file, &handle);
  file->closes_at_once = true;
  push_stat(L, &stat);
  lua_rotate(L, -3, 2);
  lua_pushinteger(L, file->fd);
  return 4;
}

void sr_fs_cached_add(lua_State *L) {
  lua_newuserdatauv(L, SMALL, 0);
  lua_pushcclosure(L, l_read_cached, 1);
  lua_setfield(L, -2, "read_cached");
  lua_pushcfunction(L, l_stat_cached);
  lua_setfield(L, -2, "stat_cached");
  lua_pushcfunction(L, l_open_cached);
  lua_setfield(L, -2, "open_cached");
}
