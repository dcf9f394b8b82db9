/* SPDX-License-Identifier: MIT */
/* The way of Linux, see cached.h. */
#include "base/cached.h"

#if defined __linux__ && __has_include(<linux/openat2.h>)

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#endif

#if defined RWF_NOWAIT && defined RESOLVE_CACHED && defined SYS_openat2

/* What Linux reads ahead, unless it was told otherwise. */
enum { RUN = 131072 };

static ptrdiff_t read_now(uv_file file, char *into, size_t most, int64_t position) {
  struct iovec room = {into, most};
  return preadv2(file, &room, 1, (off_t)position, RWF_NOWAIT);
}

/* Behind the end of the file there is nothing to wait for. */
static bool has_byte(uv_file file, int64_t position) {
  char byte;
  return read_now(file, &byte, 1, position) >= 0;
}

bool sr_cached_is_known(uv_file file) {
  return has_byte(file, 0) || errno == EAGAIN;
}

static int open_now(int folder, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_CACHED};
  return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

uv_file sr_cached_open(const char *folder, const char *path) {
  int at = open_now(AT_FDCWD, folder, O_PATH | O_DIRECTORY, 0);
  if (at < 0) return -1;
  while (*path == '/') path++;
  int file = open_now(at, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  close(at);
  return file;
}

ptrdiff_t sr_cached_read(uv_file file, char *into, size_t most) {
  return read_now(file, into, most, 0);
}

bool sr_cached_has(uv_file file, int64_t position, size_t count) {
  for (size_t at = 0; at < count; at += RUN)
    if (!has_byte(file, position + (int64_t)at)) return false;
  return count <= 1 || has_byte(file, position + (int64_t)count - 1);
}

#else

bool sr_cached_is_known(uv_file file) {
  (void)file;
  return false;
}

uv_file sr_cached_open(const char *folder, const char *path) {
  (void)folder, (void)path;
  return -1;
}

ptrdiff_t sr_cached_read(uv_file file, char *into, size_t most) {
  (void)file, (void)into, (void)most;
  return -1;
}

bool sr_cached_has(uv_file file, int64_t position, size_t count) {
  (void)file, (void)position, (void)count;
  return false;
}

#endif
