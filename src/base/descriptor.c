/* SPDX-License-Identifier: MIT */
/* One way for each system, see descriptor.h. */
#include "base/descriptor.h"

#ifdef _WIN32

#include <io.h>
#include <stdio.h>

int64_t sr_descriptor_position(uv_file fd) {
  return _lseeki64(fd, 0, SEEK_CUR);
}

void sr_descriptor_move(uv_file fd, int64_t position) {
  _lseeki64(fd, position, SEEK_SET);
}

/* The read or write itself waits. */
bool sr_descriptor_wait(uv_file fd, bool writes, int milliseconds) {
  (void)fd, (void)writes, (void)milliseconds;
  return true;
}

void sr_descriptor_block(uv_file fd) {
  (void)fd;
}

#else

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int64_t sr_descriptor_position(uv_file fd) {
  return lseek(fd, 0, SEEK_CUR);
}

void sr_descriptor_move(uv_file fd, int64_t position) {
  lseek(fd, (off_t)position, SEEK_SET);
}

/* A descriptor that is hung up, or broken, does not hold anybody up either. */
bool sr_descriptor_wait(uv_file fd, bool writes, int milliseconds) {
  struct pollfd one = {.fd = fd, .events = writes ? POLLOUT : POLLIN};
  return poll(&one, 1, milliseconds) > 0;
}

void sr_descriptor_block(uv_file fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

#endif
