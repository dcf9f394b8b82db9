/* SPDX-License-Identifier: MIT */
/* The way of Linux, see sending.h. */
#include "base/sending.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static int copy_of(int descriptor) {
  return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

int sr_sending_open(SrSending *sending, uv_os_fd_t socket, uv_file file) {
  *sending = (SrSending){.to = copy_of(socket), .from = -1};
  if (sending->to >= 0) sending->from = copy_of(file);
  if (sending->from >= 0) return 0;
  int status = uv_translate_sys_error(errno);
  sr_sending_close(sending);
  return status;
}

void sr_sending_close(SrSending *sending) {
  if (sending->to >= 0) close(sending->to);
  if (sending->from >= 0) close(sending->from);
  sending->to = sending->from = -1;
}

void sr_sending_borrow(SrSending *sending, uv_os_fd_t socket, uv_file file) {
  *sending = (SrSending){.to = socket, .from = file};
}

#ifdef RWF_NOWAIT

/* What Linux reads ahead, unless it was told otherwise. */
enum { RUN = 131072 };

/* Behind the end of the file there is nothing to wait for. */
static bool has_byte(uv_file file, int64_t position) {
  char byte;
  struct iovec room = {&byte, 1};
  return preadv2(file, &room, 1, (off_t)position, RWF_NOWAIT) >= 0;
}

bool sr_sending_is_ready(uv_file file, int64_t position, size_t count) {
  for (size_t at = 0; at < count; at += RUN)
    if (!has_byte(file, position + (int64_t)at)) return false;
  return count == 0 || has_byte(file, position + (int64_t)count - 1);
}

#else

bool sr_sending_is_ready(uv_file file, int64_t position, size_t count) {
  (void)file, (void)position, (void)count;
  return false;
}

#endif

ptrdiff_t sr_sending_send(const SrSending *sending, int64_t position, size_t most) {
  off_t offset = (off_t)position;
  ssize_t count;
  do count = sendfile(sending->to, sending->from, &offset, most);
  while (count < 0 && errno == EINTR);
  return count >= 0 ? count : uv_translate_sys_error(errno);
}

#else

int sr_sending_open(SrSending *sending, uv_os_fd_t socket, uv_file file) {
  (void)socket, (void)file;
  *sending = (SrSending){-1, -1};
  return UV_ENOSYS;
}

void sr_sending_close(SrSending *sending) {
  (void)sending;
}

void sr_sending_borrow(SrSending *sending, uv_os_fd_t socket, uv_file file) {
  (void)socket, (void)file;
  *sending = (SrSending){-1, -1};
}

bool sr_sending_is_ready(uv_file file, int64_t position, size_t count) {
  (void)file, (void)position, (void)count;
  return false;
}

ptrdiff_t sr_sending_send(const SrSending *sending, int64_t position, size_t most) {
  (void)sending, (void)position, (void)most;
  return UV_ENOSYS;
}

#endif
