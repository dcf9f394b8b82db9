/* SPDX-License-Identifier: MIT */
/*
** A library to be loaded before the system's: the n-th call of those below fails, once. It is a module for Lua, too:
** arm(n) counts from now on, arm(n, name) those of that name, disarm() tells how many calls there were. Those of epoll
** are left out, where libuv ends the process, and getsockopt, whose failure it does not notice.
*/
#define _GNU_SOURCE
#pragma GCC diagnostic ignored "-Wpedantic" /* dlsym gives functions as objects; sockaddr is a union in glibc */
#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long count, at;
static atomic_bool is_armed;
static const char *struck, *_Atomic chosen;

static bool strikes(const char *name, int number) {
  const char *only = chosen;
  if (!is_armed || (only != NULL && strcmp(name, only) != 0) || ++count != at) return false;
  struck = name;
  errno = number;
  return true;
}

/* The system's own function. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int arm(lua_State *L);
int disarm(lua_State *L);

int arm(lua_State *L) {
  count = 0;
  struck = NULL;
  at = (long)luaL_checkinteger(L, 1);
  chosen = luaL_optstring(L, 2, NULL);
  is_armed = true;
  return 0;
}

/* The number of calls, and which of them failed. */
int disarm(lua_State *L) {
  is_armed = false;
  lua_pushinteger(L, count);
  lua_pushstring(L, struck);
  return 2;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  return strikes("write", ECONNRESET) ? -1 : REAL(write)(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *list, int length) {
  return strikes("writev", ECONNRESET) ? -1 : REAL(writev)(fd, list, length);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  return strikes("sendfile", EINVAL) ? -1 : REAL(sendfile)(to, from, offset, size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  return strikes("sendmsg", ENOBUFS) ? -1 : REAL(sendmsg)(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  return strikes("recvmsg", ENOMEM) ? -1 : REAL(recvmsg)(fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
  return strikes("send", ECONNRESET) ? -1 : REAL(send)(fd, bytes, size, flags);
}

ssize_t recv(int fd, void *into, size_t room, int flags) {
  return strikes("recv", ECONNRESET) ? -1 : REAL(recv)(fd, into, room, flags);
}

int socket(int family, int type, int protocol) {
  return strikes("socket", EMFILE) ? -1 : REAL(socket)(family, type, protocol);
}

int socketpair(int family, int type, int protocol, int fds[2]) {
  return strikes("socketpair", EMFILE) ? -1 : REAL(socketpair)(family, type, protocol, fds);
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
  return strikes("bind", EADDRINUSE) ? -1 : REAL(bind)(fd, address, length);
}

int listen(int fd, int backlog) {
  return strikes("listen", EADDRINUSE) ? -1 : REAL(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  return strikes("connect", ENETUNREACH) ? -1 : REAL(connect)(fd, address, length);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return strikes("accept4", EMFILE) ? -1 : REAL(accept4)(fd, address, length, flags);
}

int shutdown(int fd, int how) {
  return strikes("shutdown", ENOBUFS) ? -1 : REAL(shutdown)(fd, how);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length) {
  return strikes("getsockname", ENOBUFS) ? -1 : REAL(getsockname)(fd, address, length);
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length) {
  return strikes("getpeername", ENOBUFS) ? -1 : REAL(getpeername)(fd, address, length);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length) {
  return strikes("setsockopt", ENOBUFS) ? -1 : REAL(setsockopt)(fd, level, option, value, length);
}
