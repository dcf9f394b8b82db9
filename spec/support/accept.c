/* SPDX-License-Identifier: MIT */
/* To be loaded before the system's library: accepting fails, once for each number in the variable ACCEPT_FAILS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

/* The system's own declaration takes any kind of address, which ISO C knows no name for. */
int accept4(int fd, void *address, void *length, int flags);

int accept4(int fd, void *address, void *length, int flags) {
  static const char *left;
  char *end;
  if (left == NULL) left = getenv("ACCEPT_FAILS") != NULL ? getenv("ACCEPT_FAILS") : "";
  int error = (int)strtol(left, &end, 10);
  left = end;
  if (error == 0) {
    int (*real)(int, void *, void *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "accept4");
    return real(fd, address, length, flags);
  }
  errno = error;
  return -1;
}
