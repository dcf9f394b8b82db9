/* SPDX-License-Identifier: MIT */
/*
** Making a file that nobody else has, see file.h.
*/
#include "http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif

/* How many names are tried that turn out taken. */
#define ATTEMPTS 100

static int close_file(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

/* nil, code, message [-0, +3, m] */
static int push_failure(lua_State *L, int number) {
  lua_pushnil(L);
  lua_pushstring(L, uv_err_name(uv_translate_sys_error(number)));
  lua_pushstring(L, strerror(number));
  return 3;
}

/*
** "path.XXXXXXXX.part", with the hexadecimal digits of a number nobody else has. Where the name of the
** file is as long as names may be, a part of it has to do.
*/
static const char *push_name(lua_State *L, const char *path) {
  unsigned number = 0;
  char ending[16];
  const char *base = strrchr(path, '/');
  size_t head = base != NULL ? (size_t)(base - path) + 1 : 0, length = strlen(path + head);
  uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
  int added = snprintf(ending, sizeof ending, ".%08x.part", number);
  if (length > (size_t)(NAME_MAX - added) && length <= NAME_MAX) length = (size_t)(NAME_MAX - added);
  lua_pushlstring(L, path, head + length);
  lua_pushstring(L, ending);
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

int sr_file_target(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat info;
  char real[PATH_MAX];
  if (stat(path, &info) != 0 || realpath(path, real) == NULL) return 0;
  lua_pushstring(L, S_ISREG(info.st_mode) ? "file" : S_ISDIR(info.st_mode) ? "directory" : "device");
  lua_pushstring(L, real);
  lua_pushinteger(L, (lua_Integer)(info.st_mode & 07777));
  return 3;
}

int sr_file_create(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  mode_t mode = (mode_t)luaL_optinteger(L, 2, 0666);
  int is_exact = !lua_isnoneornil(L, 2);
  lua_settop(L, 1);
  luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
  stream->closef = NULL;
  luaL_setmetatable(L, LUA_FILEHANDLE);
  int fd = -1;
  for (int i = 0; i < ATTEMPTS && fd < 0; i++) {
    lua_settop(L, 2);
    fd = open(push_name(L, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno != EEXIST) return push_failure(L, errno);
  }
  stream->f = fd < 0 || (is_exact && fchmod(fd, mode) != 0) ? NULL : fdopen(fd, "wb");
  if (stream->f == NULL) {
    int number = errno;
    if (fd >= 0) {
      close(fd);
      unlink(lua_tostring(L, 3));
    }
    return push_failure(L, number);
  }
  stream->closef = close_file;
  return 2;
}

int sr_file_error_name(lua_State *L) {
  int number = (int)luaL_checkinteger(L, 1);
  lua_pushstring(L, uv_err_name(uv_translate_sys_error(number)));
  return 1;
}
