/* SPDX-License-Identifier: MIT */
/*
** Making a file that nobody else has, see file.h.
*/
#include "http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
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

/* "path.XXXXXXXX.part", with the hexadecimal digits of a number nobody else has. */
static const char *push_name(lua_State *L, const char *path) {
  unsigned number = 0;
  char digits[16];
  uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
  snprintf(digits, sizeof digits, "%08x", number);
  return lua_pushfstring(L, "%s.%s.part", path, digits);
}

int sr_file_create(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  mode_t mode = (mode_t)luaL_optinteger(L, 2, 0666);
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
  stream->f = fd < 0 ? NULL : fdopen(fd, "wb");
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
