/* SPDX-License-Identifier: MIT */
/*
** Windows and Unix, see platform.h: first what is made of each, then each function twice.
*/
#include "base/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <io.h>
#include <process.h>
#else
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#endif

typedef struct Start {
  void (*run)(void *arg);
  void *arg;
} Start;

static Start *new_start(void (*run)(void *arg), void *arg) {
  Start *start = (Start *)malloc(sizeof *start);
  if (start != NULL) *start = (Start){run, arg};
  return start;
}

static void begin(Start *start) {
  Start own = *start;
  free(start);
  own.run(own.arg);
}

void sr_socket_set_reset(uv_os_sock_t socket) {
  const struct linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&reset, sizeof reset);
}

static int last_status(void);

int sr_socket_family(uv_os_sock_t socket) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  return getsockname(socket, (struct sockaddr *)&address, &length) == 0 ? address.ss_family : AF_UNSPEC;
}

int sr_socket_name(uv_os_sock_t socket, struct sockaddr *address, int *length) {
  socklen_t size = (socklen_t)*length;
  int result = getsockname(socket, address, &size);
  *length = (int)size;
  return result == 0 ? 0 : last_status();
}

int sr_socket_error(uv_os_sock_t socket) {
  int number = 0;
  socklen_t size = sizeof number;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&number, &size) != 0 || number == 0) return 0;
  return uv_translate_sys_error(number);
}

/* Sets an option that is on or off. False: the system refused. */
static bool set_flag(uv_os_sock_t socket, int level, int option, int value) {
  return setsockopt(socket, level, option, (const char *)&value, sizeof value) == 0;
}

/* It does so once it has seen a large block come and go. */
void sr_settle_heap(void) {
  void *volatile block = malloc(1048576); /* volatile: or the compiler leaves both calls out */
  free(block);
}

#ifdef _WIN32

/* --- Windows --------------------------------------------------------------- */

/* Why the last call for a socket failed. */
static int last_status(void) {
  return uv_translate_sys_error(WSAGetLastError());
}

uv_os_sock_t sr_socket_open(int family, int type, int protocol, int *status) {
  SOCKET fd = WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  *status = fd == INVALID_SOCKET ? uv_translate_sys_error(WSAGetLastError()) : 0;
  return fd;
}

int sr_socket_close(uv_os_sock_t socket) {
  return closesocket(socket) == 0 ? 0 : -1;
}

/* libuv does all that there is to do. */
int sr_pipe_end(uv_os_fd_t descriptor) {
  (void)descriptor;
  return UV_ENOTSOCK;
}

const bool sr_has_readiness = false;

ptrdiff_t sr_read_ready(uv_os_fd_t descriptor, bool is_socket, char *into, size_t room) {
  (void)descriptor, (void)is_socket, (void)into, (void)room;
  return UV_ENOSYS;
}

int sr_socket_send(uv_os_fd_t descriptor, const uv_buf_t *buf) {
  (void)descriptor, (void)buf;
  return UV_ENOSYS;
}

bool sr_socket_is_quiet(uv_os_sock_t socket) {
  WSAPOLLFD poll = {.fd = socket, .events = POLLRDNORM};
  return WSAPoll(&poll, 1, 0) == 0;
}

bool sr_loop_has_events(uv_loop_t *loop) {
  (void)loop;
  return true;
}

bool sr_socket_has_ended(uv_os_sock_t socket) {
  WSAPOLLFD poll = {.fd = socket, .events = POLLRDNORM};
  return WSAPoll(&poll, 1, 0) != 0 && (poll.revents & (POLLHUP | POLLERR)) != 0;
}

void sr_socket_end(uv_os_sock_t socket) {
  shutdown(socket, SD_BOTH);
}

/* Any process could take a port over that SO_REUSEADDR is set for. */
static bool prepare_listening(SOCKET fd, const SrListening *listening) {
  u_long nonblocking = 1;
  bool is_v6 = listening->address->sa_family == AF_INET6;
  return set_flag(fd, SOL_SOCKET, listening->is_shared ? SO_REUSEADDR : SO_EXCLUSIVEADDRUSE, 1) &&
         (!is_v6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, listening->is_v6_only)) &&
         ioctlsocket(fd, FIONBIO, &nonblocking) == 0;
}

uv_os_sock_t sr_socket_listen(const SrListening *listening, int *status) {
  SOCKET fd = sr_socket_open(listening->address->sa_family, SOCK_STREAM, 0, status);
  if (fd == INVALID_SOCKET) return fd;
  if (prepare_listening(fd, listening) && bind(fd, listening->address, (int)listening->length) == 0 &&
      listen(fd, listening->backlog) == 0)
    return fd;
  *status = uv_translate_sys_error(WSAGetLastError());
  closesocket(fd);
  return INVALID_SOCKET;
}

uv_os_sock_t sr_socket_accept(uv_os_sock_t socket, int *status) {
  SOCKET fd = accept(socket, NULL, NULL);
  *status = fd == INVALID_SOCKET ? uv_translate_sys_error(WSAGetLastError()) : 0;
  return fd;
}

unsigned sr_unix_address(struct sockaddr_storage *address, const char *path) {
  (void)address, (void)path;
  return 0;
}

void sr_ignore_broken_pipes(void) {
  /* there is no such signal */
}

int sr_terminal_width(int fd) {
  CONSOLE_SCREEN_BUFFER_INFO info;
  if (uv_guess_handle(fd) != UV_TTY) return 0;
  return GetConsoleScreenBufferInfo((HANDLE)_get_osfhandle(fd), &info) ? info.srWindow.Right - info.srWindow.Left + 1
                                                                       : 80;
}

static void thread(void *start) {
  begin(start);
}

bool sr_thread_start(void (*run)(void *arg), void *arg) {
  Start *start = new_start(run, arg);
  if (start == NULL) return false;
  if (_beginthread(thread, 0, start) != (uintptr_t)-1) return true;
  free(start);
  return false;
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

static int last_status(void) {
  return uv_translate_sys_error(errno);
}

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

uv_os_sock_t sr_socket_open(int family, int type, int protocol, int *status) {
  int fd = new_socket(family, type, protocol);
  *status = fd < 0 ? uv_translate_sys_error(errno) : 0;
  return fd;
}

int sr_socket_close(uv_os_sock_t socket) {
  return close(socket);
}

int sr_pipe_end(uv_os_fd_t descriptor) {
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return uv_translate_sys_error(errno);
  int status = dup2(nothing, descriptor) < 0 ? uv_translate_sys_error(errno) : 0;
  if (status == 0) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  close(nothing);
  return status;
}

const bool sr_has_readiness = true;

ptrdiff_t sr_read_ready(uv_os_fd_t descriptor, bool is_socket, char *into, size_t room) {
  ssize_t count;
  do count = is_socket ? recv(descriptor, into, room, 0) : read(descriptor, into, room);
  while (count < 0 && errno == EINTR);
  if (count >= 0) return count;
  return errno == EWOULDBLOCK ? UV_EAGAIN : uv_translate_sys_error(errno);
}

/* Where there is no such flag sr_ignore_broken_pipes sees to it. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

int sr_socket_send(uv_os_fd_t descriptor, const uv_buf_t *buf) {
  ssize_t count;
  size_t size = buf->len < INT_MAX ? buf->len : INT_MAX;
  do count = send(descriptor, buf->base, size, MSG_NOSIGNAL);
  while (count < 0 && errno == EINTR);
  if (count >= 0) return (int)count;
  return errno == EWOULDBLOCK || errno == ENOBUFS ? UV_EAGAIN : uv_translate_sys_error(errno);
}

bool sr_socket_is_quiet(uv_os_sock_t socket) {
  char byte;
  return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* On Linux POLLHUP alone says that both sides have. */
#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

bool sr_socket_has_ended(uv_os_sock_t socket) {
  struct pollfd pollfd = {.fd = socket, .events = POLLIN | POLLRDHUP};
  return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool sr_loop_has_events(uv_loop_t *loop) {
  struct pollfd pollfd = {.fd = uv_backend_fd(loop), .events = POLLIN};
  return poll(&pollfd, 1, 0) > 0;
}

/* Once it is shut down no more comes, so this ends; Linux keeps what has come before. */
void sr_socket_end(uv_os_sock_t socket) {
  char bytes[4096];
  shutdown(socket, SHUT_RDWR);
  while (recv(socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
}

#ifdef SO_REUSEPORT

static bool share_port(int fd) {
  return set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

#else

static bool share_port(int fd) {
  (void)fd;
  errno = ENOTSUP;
  return false;
}

#endif

#ifdef SOCK_CLOEXEC

static int accept_socket(int fd) {
  return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

#else /* macOS */

static int accept_socket(int fd) {
  int accepted = accept(fd, NULL, NULL);
  if (accepted >= 0) fcntl(accepted, F_SETFD, FD_CLOEXEC);
  return accepted;
}

#endif

static bool prepare_listening(int fd, const SrListening *listening) {
  int family = listening->address->sa_family;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return false;
  if (family == AF_UNIX) return true;
  return set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) && (!listening->is_shared || share_port(fd)) &&
         (family != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, listening->is_v6_only));
}

uv_os_sock_t sr_socket_listen(const SrListening *listening, int *status) {
  int fd = sr_socket_open(listening->address->sa_family, SOCK_STREAM, 0, status);
  if (fd < 0) return -1;
  if (prepare_listening(fd, listening) && bind(fd, listening->address, listening->length) == 0) {
    if (listen(fd, listening->backlog) == 0) return fd;
  }
  *status = uv_translate_sys_error(errno);
  close(fd);
  return -1;
}

uv_os_sock_t sr_socket_accept(uv_os_sock_t socket, int *status) {
  int fd;
  do fd = accept_socket(socket);
  while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  *status = fd < 0 ? uv_translate_sys_error(errno) : 0;
  return fd;
}

unsigned sr_unix_address(struct sockaddr_storage *address, const char *path) {
  struct sockaddr_un *un = (struct sockaddr_un *)address;
  size_t length = strlen(path);
  if (length >= sizeof un->sun_path) return 0;
  memset(un, 0, sizeof *un);
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, length);
  return (unsigned)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

static void on_broken_pipe(int number) {
  (void)number;
}

void sr_ignore_broken_pipes(void) {
  struct sigaction present;
  if (sigaction(SIGPIPE, NULL, &present) != 0 || (present.sa_flags & SA_SIGINFO) != 0) return;
  if (present.sa_handler != SIG_DFL) return;
  struct sigaction nothing = {.sa_handler = on_broken_pipe, .sa_flags = SA_RESTART};
  sigemptyset(&nothing.sa_mask);
  sigaction(SIGPIPE, &nothing, NULL);
}

int sr_terminal_width(int fd) {
  struct winsize size = {0};
  if (!isatty(fd)) return 0;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void *thread(void *start) {
  begin(start);
  return NULL;
}

bool sr_thread_start(void (*run)(void *arg), void *arg) {
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
