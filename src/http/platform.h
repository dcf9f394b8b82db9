/* SPDX-License-Identifier: MIT */
/*
** What the systems do differently and libuv does not do for us: sockets that are libcurl's, threads that
** nobody joins, and the numbers and texts of errors. All that depends on the system in this folder is here.
*/
#ifndef SR_HTTP_PLATFORM_H
#define SR_HTTP_PLATFORM_H

#include <uv.h> /* before libcurl: on Windows it brings the right one of two socket headers */

#include <curl/curl.h>

/*
** A new socket, which no child process inherits. CURL_SOCKET_BAD: there is none, for the reason in `status`,
** libuv's; it is 0 otherwise.
*/
curl_socket_t sr_socket_open(int family, int type, int protocol, int *status);

/* 0 or -1, as libcurl wants to be told. */
int sr_socket_close(curl_socket_t socket);

/* Ends both directions; whoever reads sees the end. */
void sr_socket_shutdown(curl_socket_t socket);

/* Calls run(arg) in a thread of its own that ends by itself; libuv's threads have to be joined. False: there is none. */
int sr_thread_start(void (*run)(void *arg), void *arg);

/* libuv's status for a value of errno, which on Windows is none of the system's numbers. */
int sr_errno_status(int number);

/* What the system calls the error of a status of libuv's. */
const char *sr_status_text(int status);

/* What libcurl calls it, should it be one that a connection can end with; NULL if libcurl never speaks of it. */
const char *sr_transport_text(int status);

#endif
