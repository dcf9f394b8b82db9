/* SPDX-License-Identifier: MIT */
/*
** Opening files, and making one that nobody else has, see file.h.
**
** libuv is asked without a loop and without a callback, which makes it do the thing at once.
*/
#include "fs/file.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/platform.h"

/* How many names are tried if they turn out to be taken. */
enum { ATTEMPTS = 100 };

/* How long the name of a file may be, on all systems. */
enum { NAME_LIMIT = 255 };

/* How long a path may be: Windows has the longest. */
enum { PATH_LIMIT = 32768 };

static int close_file(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

/* nil, code, message [-0, +3, m] */
static int push_failure(lua_State *L, int status) {
  lua_pushnil(L);
  lua_pushstring(L, uv_err_name(status));
  lua_pushstring(L, sr_status_text(status));
  return 3;
}

/* Where the last name of a path begins. */
static size_t name_at(const char *path) {
  size_t at = strlen(path);
  while (at > 0 && path[at - 1] != '/' && path[at - 1] != LUA_DIRSEP[0]) at--;
  return at;
}

/*
** "path.XXXXXXXX.part", with the hexadecimal digits of a number nobody else has. Where the name of the
** file is as long as names may be, a part of it has to do.
*/
static const char *push_name(lua_State *L, const char *path) {
  unsigned number = 0;
  char ending[16];
  size_t head = name_at(path), length = strlen(path + head);
  uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
  size_t most = NAME_LIMIT - (size_t)snprintf(ending, sizeof ending, ".%08x.part", number);
  if (length > most && length <= NAME_LIMIT) length = most;
  lua_pushlstring(L, path, head + length);
  lua_pushstring(L, ending);
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

/* False, and nothing pushed: there is no such path. [-0, +0|1, m] */
static bool push_real_path(lua_State *L, const char *path) {
  uv_fs_t request;
  luaL_Buffer buffer;
  char *real = luaL_buffinitsize(L, &buffer, PATH_LIMIT); /* before libuv's memory, so that none is lost to an error */
  size_t length = uv_fs_realpath(NULL, &request, path, NULL) == 0 ? strlen(request.ptr) : 0;
  if (length > 0 && length < PATH_LIMIT) memcpy(real, request.ptr, length);
  uv_fs_req_cleanup(&request);
  luaL_pushresultsize(&buffer, length < PATH_LIMIT ? length : 0);
  if (lua_rawlen(L, -1) > 0) return true;
  lua_pop(L, 1);
  return false;
}

/*
** target(path): what stands at the path, links followed. Returns "file", "directory" or "device" (all that
** is neither), its own path and its permissions; nothing if there is none. [-1, +0|3, m]
*/
static int l_target(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  uv_fs_t request;
  int status = uv_fs_stat(NULL, &request, path, NULL);
  unsigned mode = (unsigned)request.statbuf.st_mode;
  uv_fs_req_cleanup(&request);
  if (status != 0) return 0;
  lua_pushstring(L, (mode & S_IFMT) == S_IFREG ? "file" : (mode & S_IFMT) == S_IFDIR ? "directory" : "device");
  if (!push_real_path(L, path)) return 0;
  lua_pushinteger(L, (lua_Integer)(mode & 07777));
  return 3;
}

/* A new file, its name pushed, or libuv's status. [-0, +1, m] */
static int open_new(lua_State *L, const char *path, int mode) {
  uv_fs_t request;
  int fd = UV_EEXIST, top = lua_gettop(L);
  for (int i = 0; i < ATTEMPTS && fd == UV_EEXIST; i++) {
    lua_settop(L, top);
    fd = uv_fs_open(NULL, &request, push_name(L, path), UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL, mode, NULL);
    uv_fs_req_cleanup(&request);
  }
  return fd;
}

static int keep_mode(int fd, int mode) {
  uv_fs_t request;
  int status = uv_fs_fchmod(NULL, &request, fd, mode, NULL);
  uv_fs_req_cleanup(&request);
  return status;
}

static int remove_file(const char *name) {
  uv_fs_t request;
  int status = uv_fs_unlink(NULL, &request, name, NULL);
  uv_fs_req_cleanup(&request);
  return status;
}

static void close_descriptor(int fd) {
  uv_fs_t request;
  uv_fs_close(NULL, &request, fd, NULL);
  uv_fs_req_cleanup(&request);
}

/* A file of Lua's, closed. [-0, +1, m] */
static luaL_Stream *new_stream(lua_State *L) {
  luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
  stream->closef = NULL;
  luaL_setmetatable(L, LUA_FILEHANDLE);
  return stream;
}

/* The stream has the descriptor, or it is closed. libuv's status. */
static int open_stream(luaL_Stream *stream, int fd, const char *mode) {
  stream->f = fdopen(fd, mode);
  if (stream->f == NULL) {
    int status = sr_errno_status(errno);
    close_descriptor(fd);
    return status;
  }
  stream->closef = close_file;
  return 0;
}

/*
** open(path [, writes]): a file to be read, or to be written from its start. Returns it; or nil, libuv's name
** of the error and its text. [-2, +1|3, v]
*/
static int l_open(lua_State *L) {
  uv_fs_t request;
  const char *path = luaL_checkstring(L, 1);
  bool writes = lua_toboolean(L, 2);
  int flags = writes ? UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_TRUNC : UV_FS_O_RDONLY;
  luaL_Stream *stream = new_stream(L);
  int status = uv_fs_open(NULL, &request, path, flags, 0666, NULL);
  uv_fs_req_cleanup(&request);
  if (status >= 0) status = open_stream(stream, status, writes ? "wb" : "rb");
  return status == 0 ? 1 : push_failure(L, status);
}

/*
** create(path [, mode]): makes a new file beside `path`, to be renamed to it; a mode is its exact one.
** Returns the file, open for writing, and its name; or nil, libuv's name of the error and its text. [-2, +2|3, m]
*/
static int l_create(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  int mode = (int)luaL_optinteger(L, 2, 0666), is_exact = !lua_isnoneornil(L, 2);
  luaL_Stream *stream = new_stream(L);
  int fd = open_new(L, path, mode);
  if (fd < 0) return push_failure(L, fd);
  int status = is_exact ? keep_mode(fd, mode) : 0;
  if (status != 0)
    close_descriptor(fd);
  else
    status = open_stream(stream, fd, "wb");
  if (status == 0) return 2;
  remove_file(lua_tostring(L, -1));
  return push_failure(L, status);
}

static int push_result(lua_State *L, int status) {
  if (status != 0) return push_failure(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*
** rename(path, new): as os.rename, but what is at `new` is replaced on Windows, too. Returns true; or nil,
** libuv's name of the error and its text. [-2, +1|3, v]
*/
static int l_rename(lua_State *L) {
  uv_fs_t request;
  const char *path = luaL_checkstring(L, 1), *new_path = luaL_checkstring(L, 2);
  int status = uv_fs_rename(NULL, &request, path, new_path, NULL);
  uv_fs_req_cleanup(&request);
  return push_result(L, status);
}

/* remove(path): of a file that create has made; returns as rename does. [-1, +1|3, v] */
static int l_remove(lua_State *L) {
  return push_result(L, remove_file(luaL_checkstring(L, 1)));
}

/* error_name(errno) gives libuv's name. [-1, +1, v] */
static int l_error_name(lua_State *L) {
  lua_pushstring(L, uv_err_name(sr_errno_status((int)luaL_checkinteger(L, 1))));
  return 1;
}

void sr_fs_open_file(lua_State *L) {
  static const luaL_Reg functions[] = {{"target", l_target}, {"open", l_open},     {"create", l_create},
                                       {"rename", l_rename}, {"remove", l_remove}, {"error_name", l_error_name},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
