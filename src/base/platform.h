/* SPDX-License-Identifier: MIT */
/*
** What the systems do differently and libuv does not do for us: sockets that libuv does not know, threads that
** nobody joins, and the numbers and texts of errors. Only this room asks which system it is: see file.c, launch.c,
** nudge.c, resident.c, shared.c and signal.c, too.
*/
#ifndef SR_BASE_PLATFORM_H
#define SR_BASE_PLATFORM_H

#include <stdbool.h>
#include <uv.h>

/*
** A new socket, which no child process inherits. (uv_os_sock_t)-1: there is none, for the reason in `status`,
** libuv's; it is 0 otherwise.
*/
uv_os_sock_t sr_socket_open(int family, int type, int protocol, int *status);

/* 0 or -1, as close(2). */
int sr_socket_close(uv_os_sock_t socket);

/* Whether there is nothing to read from it: no byte, no end and no error. */
bool sr_socket_is_quiet(uv_os_sock_t socket);

/* Whether the loop would find something if it were polled now. True where that cannot be told. */
bool sr_loop_has_events(uv_loop_t *loop);

/* Whether its other side has ended it, whatever is to be read before that. */
bool sr_socket_has_ended(uv_os_sock_t socket);

/* Ends a connection both ways, and drops what it has brought: who reads from it finds the end. It stays open. */
void sr_socket_end(uv_os_sock_t socket);

/* How a socket listens. */
typedef struct SrListening {
  const struct sockaddr *address;
  unsigned length; /* of it */
  int backlog;
  bool is_v6_only; /* where the address is one of IPv6 */
  bool is_shared;  /* several sockets listen at the same port, and the system spreads the connections */
} SrListening;

/* A socket that listens and does not block. (uv_os_sock_t)-1: see `status`. */
uv_os_sock_t sr_socket_listen(const SrListening *listening, int *status);

/* The next connection of one that listens. (uv_os_sock_t)-1: see `status`; UV_EAGAIN: there is none now. */
uv_os_sock_t sr_socket_accept(uv_os_sock_t socket, int *status);

/* The address of a Unix socket. Its length; 0: the path is too long, or the system has no such thing. */
unsigned sr_unix_address(struct sockaddr_storage *address, const char *path);

/* The address of a socket itself, `*length` bytes of it at most. 0 or a status. */
int sr_socket_name(uv_os_sock_t socket, struct sockaddr *address, int *length);

/* What has happened to a socket and nobody has been told yet, as a status; 0: nothing. It counts as told now. */
int sr_socket_error(uv_os_sock_t socket);

/* The family of that address. */
int sr_socket_family(uv_os_sock_t socket);

/* From now on closing this socket of TCP resets the connection. */
void sr_socket_set_reset(uv_os_sock_t socket);

/* Whether the two below work: on Windows bytes come only to who has asked for them before. */
extern const bool sr_has_readiness;

/*
** Reads from a descriptor that does not block: a socket, of which the system knows a shorter way, or a pipe. How many
** bytes; 0: the end. Negative: a status, UV_EAGAIN: there are none now.
*/
ptrdiff_t sr_read_ready(uv_os_fd_t descriptor, bool is_socket, char *into, size_t room);

/* Sends to a socket what it takes now. How many bytes, or a status, UV_EAGAIN: it takes none. */
int sr_socket_send(uv_os_fd_t descriptor, const uv_buf_t *buf);

/* Lets go of one side of a pipe, whose descriptor stays in use and means nothing any more. 0 or a status. */
int sr_pipe_end(uv_os_fd_t descriptor);

/*
** Writing to a peer that is gone fails with EPIPE and does not end the process: where SIGPIPE still has its default
** action it gets one that does nothing, which child processes do not inherit.
*/
void sr_ignore_broken_pipes(void);

/* How many columns the terminal has that a descriptor is; 0: it is none. 80 if the terminal does not say. */
int sr_terminal_width(int fd);

/* Calls run(arg) in a thread of its own that ends by itself; libuv's threads have to be joined. False: there is none. */
bool sr_thread_start(void (*run)(void *arg), void *arg);

/* libuv's status for a value of errno, which on Windows is none of the system's numbers. */
int sr_errno_status(int number);

/* What the system calls the error of a status of libuv's. */
const char *sr_status_text(int status);

/*
** What libcurl calls it, should it be one that a connection can end with; NULL if libcurl never speaks of it. It
** stands here because libcurl takes the system's texts on Unix and its own on Windows.
*/
const char *sr_transport_text(int status);

/*
** glibc gives the end of its heap back whenever 128 KiB are free there, which is in nearly every turn where large pieces
** of data come and go, and the next turn pays for it in page faults. After this it waits for more.
*/
void sr_settle_heap(void);

#endif
