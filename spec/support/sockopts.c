/* SPDX-License-Identifier: MIT */
/* For the specs, to be loaded before the C library: tells on standard error what a socket is set to. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *name_of(int level, int option) {
  if (level == IPPROTO_TCP && option == TCP_NODELAY) return "nodelay";
  if (level == IPPROTO_TCP && option == TCP_KEEPIDLE) return "after";
  return level == SOL_SOCKET && option == SO_KEEPALIVE ? "keepalive" : NULL;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
  int (*next)(int, int, int, const void *, socklen_t);
  const char *name = name_of(level, option);
  void *symbol = dlsym(RTLD_NEXT, "setsockopt");
  memcpy(&next, &symbol, sizeof next);
  if (name != NULL) fprintf(stderr, "%s %d\n", name, *(const int *)value);
  return next(fd, level, option, value, size);
}
