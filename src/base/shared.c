/* SPDX-License-Identifier: MIT */
/* Unix and Windows, see shared.h. */
#include "base/shared.h"

#include <stdio.h>

#ifdef _WIN32

/* --- Windows --------------------------------------------------------------- */

#include <io.h>

/* Nothing but sockets can be polled there: all are read and written as files are. */
SrDescriptor sr_descriptor_own(int fd) {
  return (SrDescriptor){.fd = fd, .given = -1, .flags = -1, .can_read = true};
}

int sr_descriptor_borrow(SrDescriptor *descriptor, int fd) {
  *descriptor = (SrDescriptor){.fd = fd, .given = fd, .flags = -1, .can_read = true};
  return _get_osfhandle(fd) == -1 ? UV_EBADF : 0;
}

void sr_descriptor_release(SrDescriptor *descriptor) {
  if (descriptor->given < 0 && descriptor->fd >= 0) _close(descriptor->fd);
  descriptor->fd = -1;
}

void sr_descriptor_settle(SrDescriptor *descriptor) {
  (void)descriptor;
}

ptrdiff_t sr_descriptor_read(const SrDescriptor *descriptor, char *into, size_t room) {
  int count = _read(descriptor->fd, into, (unsigned)room);
  return count >= 0 ? count : UV_EIO;
}

ptrdiff_t sr_descriptor_write(const SrDescriptor *descriptor, const uv_buf_t *bufs, unsigned count) {
  ptrdiff_t total = 0;
  for (unsigned i = 0; i < count; i++) {
    int written = _write(descriptor->fd, bufs[i].base, (unsigned)bufs[i].len);
    if (written < 0) return total > 0 ? total : UV_EPIPE;
    total += written;
    if ((size_t)written < bufs[i].len) break;
  }
  return total;
}

void sr_descriptor_await_room(const SrDescriptor *descriptor) {
  (void)descriptor;
}

int sr_descriptor_reopen(int fd) {
  (void)fd;
  return -1;
}

void sr_descriptor_unblock(int fd) {
  (void)fd;
}

int sr_descriptor_of_file(FILE *file) {
  fflush(file);
  return _fileno(file);
}

#else

/* --- Unix ------------------------------------------------------------------ */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* So many pieces a system takes at once, whatever it is. */
enum { MOST_PIECES = 16 };

/* Opens what a descriptor stands for once more. -1 where there is no such thing. */
static int open_again(int fd, int flags) {
  char path[64];
  int access = fcntl(fd, F_GETFL);
  if (access < 0) return -1;
  if (isatty(fd) && ptsname(fd) != NULL) return -1; /* the far side of a terminal: that would make a new one */
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, (access & O_ACCMODE) | flags | O_CLOEXEC | O_NOCTTY);
}

static bool can_read(int fd) {
  return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

SrDescriptor sr_descriptor_own(int fd) {
  return (SrDescriptor){.fd = fd, .given = -1, .flags = -1, .can_read = can_read(fd), .can_wait = true};
}

int sr_descriptor_borrow(SrDescriptor *descriptor, int fd) {
  struct stat stat;
  *descriptor = (SrDescriptor){.fd = fd, .given = fd, .flags = -1, .can_read = can_read(fd)};
  if (fstat(fd, &stat) != 0) return uv_translate_sys_error(errno);
  descriptor->is_socket = S_ISSOCK(stat.st_mode);
  descriptor->can_wait = S_ISSOCK(stat.st_mode) || S_ISFIFO(stat.st_mode) || isatty(fd);
  if (!descriptor->can_wait) return 0;
  int own = descriptor->is_socket ? -1 : open_again(fd, O_NONBLOCK);
  if (own >= 0)
    descriptor->fd = own;
  else
    descriptor->flags = fcntl(fd, F_GETFL);
  return 0;
}

static void restore_flags(const SrDescriptor *descriptor) {
  if (descriptor->flags >= 0) fcntl(descriptor->given, F_SETFL, descriptor->flags);
}

void sr_descriptor_release(SrDescriptor *descriptor) {
  restore_flags(descriptor);
  if (descriptor->fd >= 0 && descriptor->fd != descriptor->given) close(descriptor->fd);
  descriptor->fd = -1;
}

void sr_descriptor_settle(SrDescriptor *descriptor) {
  if (descriptor->is_socket) restore_flags(descriptor);
}

static ptrdiff_t result_of(ssize_t count) {
  if (count >= 0) return count;
  return errno == EWOULDBLOCK ? UV_EAGAIN : uv_translate_sys_error(errno);
}

ptrdiff_t sr_descriptor_read(const SrDescriptor *descriptor, char *into, size_t room) {
  ssize_t count;
  do count = descriptor->is_socket ? recv(descriptor->fd, into, room, MSG_DONTWAIT) : read(descriptor->fd, into, room);
  while (count < 0 && errno == EINTR);
  return result_of(count);
}

/* SIGPIPE has its own guard, see sr_ignore_broken_pipes. */
ptrdiff_t sr_descriptor_write(const SrDescriptor *descriptor, const uv_buf_t *bufs, unsigned count) {
  struct iovec pieces[MOST_PIECES];
  struct msghdr message = {.msg_iov = pieces};
  if (count > MOST_PIECES) count = MOST_PIECES;
  for (unsigned i = 0; i < count; i++) pieces[i] = (struct iovec){.iov_base = bufs[i].base, .iov_len = bufs[i].len};
  message.msg_iovlen = count;
  ssize_t written;
  do
    written = descriptor->is_socket ? sendmsg(descriptor->fd, &message, MSG_DONTWAIT)
                                    : writev(descriptor->fd, pieces, (int)count);
  while (written < 0 && errno == EINTR);
  return result_of(written);
}

void sr_descriptor_await_room(const SrDescriptor *descriptor) {
  struct pollfd wanted = {.fd = descriptor->fd, .events = POLLOUT};
  poll(&wanted, 1, -1);
}

int sr_descriptor_reopen(int fd) {
  return open_again(fd, 0);
}

void sr_descriptor_unblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int sr_descriptor_of_file(FILE *file) {
  fflush(file);
  return fileno(file);
}

#endif
