/* SPDX-License-Identifier: MIT */
/*
** A file for somebody who asks for it by name: where it is, what it is, and all of it if it is small, or else the open
** file, in one hop. What is said of a file that was opened is said of that one, whatever has its name by then.
*/
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cached.h"
#include "fs/opening.h"

/* The numbers of the act. */
enum { MOST, OPENS };

/* What says that there is no such thing for us. */
static bool is_absence(ptrdiff_t status) {
  static const int absences[] = {UV_ENOENT, UV_ENOTDIR, UV_ELOOP, UV_ENAMETOOLONG, UV_EACCES, UV_EPERM, UV_EINVAL};
  for (size_t i = 0; i < sizeof absences / sizeof *absences; i++)
    if (status == absences[i]) return true;
  return false;
}

/* Whether it went well; where it did not for want of the file, the call has not failed. */
static bool found(SrFsCall *call, const char *syscall, ptrdiff_t status) {
  return status >= 0 || (!is_absence(status) && sr_fs_went(call, syscall, status));
}

/* Whether a path, without links, is a folder or lies in it. */
static bool is_inside(const char *path, const char *folder) {
  size_t size = strlen(folder);
  if (size > 0 && folder[size - 1] == '/') size--; /* the root of all */
  return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* The way to `dest` below the folder `path`, without links, from malloc; NULL: nothing is there. */
static char *follow(SrFsCall *call) {
  int status = 0;
  size_t size = strlen(call->path) + strlen(call->dest) + 1;
  char *whole = (char *)malloc(size), *real = NULL;
  if (whole == NULL) {
    sr_fs_went(call, "realpath", UV_ENOMEM);
  } else {
    strcat(strcpy(whole, call->path), call->dest);
    real = sr_fs_realpath(whole, &status);
    if (real == NULL) found(call, "realpath", status);
    free(whole);
  }
  return real;
}

/*
** Whether a way without links lies in the folder `path`. Of one that begins with that path as it is written, this is
** known at once: then there are no links in it either.
*/
static bool lies_inside(SrFsCall *call, const char *real) {
  if (call->path[0] == '/' && is_inside(real, call->path)) return true;
  int status = 0;
  char *folder = sr_fs_realpath(call->path, &status);
  if (folder == NULL) return found(call, "realpath", status), false;
  bool lies = is_inside(real, folder);
  free(folder);
  return lies;
}

/* The way to `dest`, where it does not lead out of the folder; NULL: there is none. */
static char *locate(SrFsCall *call) {
  char *real = follow(call);
  if (real == NULL || lies_inside(call, real)) return real;
  free(real);
  return NULL;
}

static const char *path_of(const SrFsCall *call) {
  return call->second != NULL ? call->second : call->path;
}

static bool is_kind(const SrFsCall *call, unsigned kind) {
  return (call->stat.st_mode & S_IFMT) == kind;
}

/* One that has become shorter since is as long as what is there. */
static void read_whole(SrFsCall *call) {
  size_t size = (size_t)call->stat.st_size;
  char *bytes = (char *)malloc(size + 1);
  ptrdiff_t count = bytes != NULL ? 1 : UV_ENOMEM;
  size_t length = 0;
  while (count > 0 && length < size) {
    count = sr_fs_read(&call->handle, bytes + length, size - length, -1);
    if (count > 0) length += (size_t)count;
  }
  if (!sr_fs_went(call, "read", count)) {
    free(bytes);
    return;
  }
  call->text = bytes;
  call->length = length;
  call->stat.st_size = length;
}

static bool is_small(const SrFsCall *call) {
  return (double)call->stat.st_size <= (sr_fs_is_given(call, MOST) ? call->number[MOST] : -1);
}

/* Whether it is read, or left open. */
static bool is_wanted(const SrFsCall *call) {
  return is_kind(call, S_IFREG) && (is_small(call) || sr_fs_integer(call, OPENS, 0) != 0);
}

static void close_found(SrFsCall *call) {
  uv_file fd = call->handle.fd;
  call->handle.fd = -1;
  sr_fs_went(call, "close", sr_fs_close(fd));
}

/* What is no file is not opened: that of a pipe would wait for somebody. On a way that was followed there is no link. */
static void look_into(SrFsCall *call, const char *path) {
  int flags = UV_FS_O_RDONLY | (call->second != NULL ? UV_FS_O_NOFOLLOW : 0);
  if (!found(call, "open", sr_fs_open_plainly(&call->handle, path, flags, 0)) || call->handle.fd < 0) return;
  call->handle.is_seekable = true;
  call->is_cached = sr_cached_is_known(call->handle.fd);
  if (!sr_fs_went(call, "fstat", sr_fs_fstat(call->handle.fd, &call->stat)) || !is_wanted(call)) {
    close_found(call);
  } else if (is_small(call)) {
    read_whole(call);
    close_found(call);
  }
}

static void run_find(SrFsCall *call) {
  char *real = call->dest != NULL ? locate(call) : NULL;
  const char *path = call->dest != NULL ? real : call->path;
  call->second = real;
  int status = path != NULL ? sr_fs_stat(path, &call->stat) : UV_ENOENT;
  if (!found(call, "stat", status) || status < 0) {
    memset(&call->stat, 0, sizeof call->stat);
    return;
  }
  if (is_wanted(call)) look_into(call, path);
}

/*
** "file" or "directory", its size, when it was changed, its way without links, whether it may be had cached; all of it
** if it was read, or nil, the open file and its descriptor. nil: neither.
*/
static int push_found(lua_State *L, SrFsCall *call) {
  if (!is_kind(call, S_IFREG) && !is_kind(call, S_IFDIR)) return lua_pushnil(L), 1;
  lua_pushstring(L, sr_fs_type(&call->stat));
  lua_pushinteger(L, (lua_Integer)call->stat.st_size);
  lua_pushnumber(L, (lua_Number)sr_fs_mtime(&call->stat));
  lua_pushstring(L, path_of(call));
  lua_pushboolean(L, call->is_cached);
  if (call->text != NULL) {
    lua_pushlstring(L, call->text, call->length);
    return 6;
  }
  if (call->handle.fd < 0) return 5;
  lua_pushnil(L);
  const SrFsFile *file = sr_fs_opening_push(L, path_of(call), &call->handle);
  lua_pushinteger(L, file->fd);
  return 8;
}

int sr_fs_l_drop(lua_State *L) {
  sr_fs_file_drop(sr_fs_file_self(L, "drop"));
  return 0;
}

/*
** find(folder, path below it, nil, most bytes that are read, 1 if a larger file is opened): without the second the first
** is the path of a file.
*/
const SrFsAct sr_fs_find_acts[] = {
    {"find", run_find, push_found, NULL, false},
    {.function = NULL},
};
