/* SPDX-License-Identifier: MIT */
/* The way of Linux, see sending.h. */
#include "base/sending.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
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

ptrdiff_t sr_sending_send(const SrSending *sending, int64_t position, size_t most) {
  off_t offset = (off_t)position;
  ssize_t count;
  do count = sendfile(sending->to, sending->from, &offset, most);
  while (count < 0 && errno == EINTR);
  return count >= 0 ? count : uv_translate_sys_error(errno);
}

size_t sr_sending_ahead(uv_os_fd_t socket, const char *bytes, size_t count) {
  ssize_t taken = send(socket, bytes, count, MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL);
  return taken > 0 ? (size_t)taken : 0;
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

ptrdiff_t sr_sending_send(const SrSending *sending, int64_t position, size_t most) {
  (void)sending, (void)position, (void)most;
  return UV_ENOSYS;
}

size_t sr_sending_ahead(uv_os_fd_t socket, const char *bytes, size_t count) {
  (void)socket, (void)bytes, (void)count;
  return 0;
}

#endif
