/* SPDX-License-Identifier: MIT */
/*
** Windows and Unix, see platform.h: first what is made of each, then each function twice.
*/
#include "http/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <process.h>
#else
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

typedef struct Start {
  void (*run)(void *arg);
  void *arg;
} Start;

static Start *new_start(void (*run)(void *arg), void *arg) {
  Start *start = malloc(sizeof *start);
  if (start != NULL) *start = (Start){run, arg};
  return start;
}

static void begin(Start *start) {
  Start own = *start;
  free(start);
  own.run(own.arg);
}

#ifdef _WIN32

/* --- Windows --------------------------------------------------------------- */

curl_socket_t sr_socket_open(int family, int type, int protocol, int *status) {
  SOCKET fd = WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  *status = fd == INVALID_SOCKET ? uv_translate_sys_error(WSAGetLastError()) : 0;
  return fd;
}

int sr_socket_close(curl_socket_t socket) {
  return closesocket(socket) == 0 ? 0 : -1;
}

void sr_socket_shutdown(curl_socket_t socket) {
  shutdown(socket, SD_BOTH);
}

static void thread(void *start) {
  begin(start);
}

int sr_thread_start(void (*run)(void *arg), void *arg) {
  Start *start = new_start(run, arg);
  if (start == NULL) return 0;
  if (_beginthread(thread, 0, start) != (uintptr_t)-1) return 1;
  free(start);
  return 0;
}

/* uv_translate_sys_error takes the system's numbers; these are of the C library, as far as files have them. */
int sr_errno_status(int number) {
  switch (number) {
  case 0: return 0;
  case EACCES: return UV_EACCES;
  case EBADF: return UV_EBADF;
  case EBUSY: return UV_EBUSY;
  case EEXIST: return UV_EEXIST;
  case EFBIG: return UV_EFBIG;
  case EINVAL: return UV_EINVAL;
  case EIO: return UV_EIO;
  case EISDIR: return UV_EISDIR;
  case EMFILE: return UV_EMFILE;
  case ENAMETOOLONG: return UV_ENAMETOOLONG;
  case ENFILE: return UV_ENFILE;
  case ENODEV: return UV_ENODEV;
  case ENOENT: return UV_ENOENT;
  case ENOMEM: return UV_ENOMEM;
  case ENOSPC: return UV_ENOSPC;
  case ENOTDIR: return UV_ENOTDIR;
  case ENXIO: return UV_ENXIO;
  case EPERM: return UV_EPERM;
  case EPIPE: return UV_EPIPE;
  case EROFS: return UV_EROFS;
  case ESPIPE: return UV_ESPIPE;
  case EXDEV: return UV_EXDEV;
  default: return UV_UNKNOWN;
  }
}

const char *sr_status_text(int status) {
  return uv_strerror(status);
}

/* libcurl has texts of its own for the errors of Winsock. */
const char *sr_transport_text(int status) {
  switch (status) {
  case UV_ECONNRESET: return "Connection was reset";
  case UV_ECONNABORTED: return "Connection was aborted";
  case UV_ETIMEDOUT: return "Timed out";
  case UV_EHOSTUNREACH: return "Host unreachable";
  case UV_ENETUNREACH: return "Network unreachable";
  case UV_ENETDOWN: return "Network down";
  default: return NULL;
  }
}

#else

/* --- Unix ------------------------------------------------------------------ */

#ifdef SOCK_CLOEXEC

static int new_socket(int family, int type, int protocol) {
  return socket(family, type | SOCK_CLOEXEC, protocol);
}

#else /* macOS */

static int new_socket(int family, int type, int protocol) {
  int fd = socket(family, type, protocol);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

#endif

curl_socket_t sr_socket_open(int family, int type, int protocol, int *status) {
  int fd = new_socket(family, type, protocol);
  *status = fd < 0 ? uv_translate_sys_error(errno) : 0;
  return fd;
}

int sr_socket_close(curl_socket_t socket) {
  return close(socket);
}

void sr_socket_shutdown(curl_socket_t socket) {
  shutdown(socket, SHUT_RDWR);
}

static void *thread(void *start) {
  begin(start);
  return NULL;
}

int sr_thread_start(void (*run)(void *arg), void *arg) {
  pthread_attr_t attributes;
  pthread_t id;
  int result = -1;
  Start *start = new_start(run, arg);
  if (start != NULL && pthread_attr_init(&attributes) == 0) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    result = pthread_create(&id, &attributes, thread, start);
    pthread_attr_destroy(&attributes);
  }
  if (result != 0) free(start);
  return result == 0;
}

int sr_errno_status(int number) {
  return uv_translate_sys_error(number);
}

/* libuv's own texts are others than those that Lua's io functions give. */
const char *sr_status_text(int status) {
  return strerror(-status);
}

const char *sr_transport_text(int status) {
  return strerror(-status);
}

#endif
