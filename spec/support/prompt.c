/* SPDX-License-Identifier: MIT */
/*
** To be loaded before the system's library: who sends waits for a moment until something has come, so that an answer is
** there before the sender has done anything else.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

enum { MOMENT = 300 /* milliseconds */ };

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
  ssize_t (*real)(int, const void *, size_t, int);
  struct pollfd answer = {.fd = fd, .events = POLLIN};
  *(void **)&real = dlsym(RTLD_NEXT, "send");
  ssize_t sent = real(fd, bytes, size, flags);
  poll(&answer, 1, MOMENT);
  return sent;
}
