/* SPDX-License-Identifier: MIT */
/* The system's calls, see system.h. libuv makes them at once where it is given neither a loop nor a callback. */
#include "fs/system.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

/* Kinds of files that not every system has. */
#ifndef S_IFIFO
#define S_IFIFO 0x1000
#endif
#ifndef S_IFBLK
#define S_IFBLK 0x6000
#endif
#ifndef S_IFSOCK
#define S_IFSOCK 0xC000
#endif

/* How often one that is held up looks whether its job is abandoned, in milliseconds. */
enum { PATIENCE = 20 };

/* At most so much is read or written before it looks, too. */
enum { PIECE = 1048576 };

/* The result of a request, which is done with. */
static ptrdiff_t finish(uv_fs_t *request, ptrdiff_t result) {
  uv_fs_req_cleanup(request);
  return result;
}

static int finish_stat(uv_fs_t *request, int status, uv_stat_t *stat) {
  *stat = request->statbuf;
  return (int)finish(request, status);
}

/* --- open files --------------------------------------------------------------------- */

/* A pipe that nobody reads cannot be opened for writing yet. */
static int open_descriptor(const SrFsHandle *handle, const char *path, int flags, int mode) {
  uv_fs_t request;
  for (;;) {
    int fd = (int)finish(&request, uv_fs_open(NULL, &request, path, flags | UV_FS_O_NONBLOCK, mode, NULL));
    uv_stat_t stat;
    if (fd != UV_ENXIO || (sr_fs_stat(path, &stat), (stat.st_mode & S_IFMT) != S_IFIFO)) return fd;
    if (sr_fs_is_abandoned(handle->job)) return UV_ECANCELED;
    uv_sleep(PATIENCE);
  }
}

int sr_fs_open_plainly(SrFsHandle *handle, const char *path, int flags, int mode) {
  handle->fd = open_descriptor(handle, path, flags, mode);
  return handle->fd < 0 ? handle->fd : 0;
}

int sr_fs_open(SrFsHandle *handle, const char *path, int flags, int mode) {
  int status = sr_fs_open_plainly(handle, path, flags, mode);
  if (status == 0) handle->is_seekable = sr_file_position(handle->fd) >= 0;
  return status;
}

int sr_fs_close(uv_file fd) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_close(NULL, &request, fd, NULL));
}

/* 0 once it can be read or written, or a status. */
static int wait_for(const SrFsHandle *handle, bool writes) {
  if (handle->is_seekable) return 0;
  if (handle->gives_way) return sr_file_wait(handle->fd, writes, 0) ? 0 : UV_EAGAIN;
  while (!sr_file_wait(handle->fd, writes, PATIENCE))
    if (sr_fs_is_abandoned(handle->job)) return UV_ECANCELED;
  return 0;
}

static uv_buf_t piece_of(const char *bytes, size_t size) {
  return uv_buf_init((char *)(uintptr_t)bytes, size < PIECE ? (unsigned)size : PIECE);
}

ptrdiff_t sr_fs_read(const SrFsHandle *handle, char *into, size_t room, int64_t position) {
  uv_fs_t request;
  uv_buf_t piece = piece_of(into, room);
  for (;;) {
    int status = wait_for(handle, false);
    if (status != 0) return status;
    ptrdiff_t count = finish(&request, uv_fs_read(NULL, &request, handle->fd, &piece, 1, position, NULL));
    if (count != UV_EAGAIN) return count;
  }
}

int sr_fs_write(const SrFsHandle *handle, const char *bytes, size_t size, int64_t position, size_t *written) {
  uv_fs_t request;
  *written = 0;
  while (*written < size) {
    int status = wait_for(handle, true);
    if (status != 0) return status;
    uv_buf_t piece = piece_of(bytes + *written, size - *written);
    int64_t at = position < 0 ? -1 : position + (int64_t)*written;
    ptrdiff_t count = finish(&request, uv_fs_write(NULL, &request, handle->fd, &piece, 1, at, NULL));
    if (count < 0 && count != UV_EAGAIN) return (int)count;
    if (count > 0) *written += (size_t)count;
  }
  return 0;
}

int sr_fs_fstat(uv_file fd, uv_stat_t *stat) {
  uv_fs_t request;
  return finish_stat(&request, uv_fs_fstat(NULL, &request, fd, NULL), stat);
}

int sr_fs_fchmod(uv_file fd, int mode) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_fchmod(NULL, &request, fd, mode, NULL));
}

int sr_fs_fsync(uv_file fd) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_fsync(NULL, &request, fd, NULL));
}

int sr_fs_ftruncate(uv_file fd, int64_t size) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_ftruncate(NULL, &request, fd, size, NULL));
}

/* --- paths -------------------------------------------------------------------------- */

int sr_fs_stat(const char *path, uv_stat_t *stat) {
  uv_fs_t request;
  return finish_stat(&request, uv_fs_stat(NULL, &request, path, NULL), stat);
}

int sr_fs_lstat(const char *path, uv_stat_t *stat) {
  uv_fs_t request;
  return finish_stat(&request, uv_fs_lstat(NULL, &request, path, NULL), stat);
}

int sr_fs_unlink(const char *path) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_unlink(NULL, &request, path, NULL));
}

int sr_fs_rmdir(const char *path) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_rmdir(NULL, &request, path, NULL));
}

int sr_fs_mkdir(const char *path, int mode) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_mkdir(NULL, &request, path, mode, NULL));
}

int sr_fs_rename(const char *path, const char *target) {
  uv_fs_t request;
  return (int)finish(&request, uv_fs_rename(NULL, &request, path, target, NULL));
}

char *sr_fs_realpath(const char *path, int *status) {
  uv_fs_t request;
  char *real = NULL;
  *status = uv_fs_realpath(NULL, &request, path, NULL);
  if (*status == 0 && (real = strdup((const char *)request.ptr)) == NULL) *status = UV_ENOMEM;
  uv_fs_req_cleanup(&request);
  return real;
}

char *sr_fs_readlink(const char *path, int *status) {
  uv_fs_t request;
  char *text = NULL;
  *status = uv_fs_readlink(NULL, &request, path, NULL);
  if (*status == 0 && (text = strdup((const char *)request.ptr)) == NULL) *status = UV_ENOMEM;
  uv_fs_req_cleanup(&request);
  return text;
}

const char *sr_fs_type(const uv_stat_t *stat) {
  switch (stat->st_mode & S_IFMT) {
  case S_IFREG: return "file";
  case S_IFDIR: return "directory";
  case S_IFLNK: return "link";
  case S_IFCHR: return "char";
  case S_IFIFO: return "fifo";
  case S_IFBLK: return "block";
  case S_IFSOCK: return "socket";
  default: return "unknown";
  }
}
