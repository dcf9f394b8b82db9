/* SPDX-License-Identifier: MIT */
/*
** What the systems do differently and libuv does not do for us: sockets that libuv does not know, threads that
** nobody joins, and the numbers and texts of errors. Only this file and resident.c ask which system it is.
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

/* Whether its other side has ended it, whatever is to be read before that. */
bool sr_socket_has_ended(uv_os_sock_t socket);

/* Ends a connection both ways, and drops what it has brought: who reads from it finds the end. It stays open. */
void sr_socket_end(uv_os_sock_t socket);

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

#endif
