/* SPDX-License-Identifier: MIT */
/*
** The sockets of one multi handle: when libcurl wants to hear of them, and what comes over connections that no request
** uses. They are known by their descriptors.
*/
#ifndef SR_HTTP_SOCKET_H
#define SR_HTTP_SOCKET_H

#include <curl/curl.h>
#include <stdbool.h>

#include "saros.h"

typedef struct SrHttpSocket SrHttpSocket;

/* Where an easy handle gets its sockets from. */
typedef struct SrHttpOutlet {
  struct SrHttpMulti *multi;
  SrHttpSocket *socket; /* that it opened, or its request waited for, last; NULL before, and when that is closed */
  int refusal;          /* the status (libuv's) with which the system refused the latest one; 0 if it did not */
  bool single;          /* it has waited for one that had carried a response of HTTP/1.x, or seen its end */
} SrHttpOutlet;

/* Zeroed before sr_http_sockets_open, but for what its owner sets. */
typedef struct SrHttpSockets {
  uv_loop_t *loop;                                            /* this one and the next three are the owner's to set */
  void (*on_event)(void *owner, curl_socket_t fd, int flags); /* what libcurl waited for has come: CURL_CSELECT_... */
  bool (*is_pausing)(void *owner);                            /* whether a transfer has been paused */
  void *owner;
  SrHttpSocket **lists; /* the sockets by descriptor, see list_of */
  size_t mask;          /* one less than there are lists, which is a power of two */
  size_t count;         /* of the sockets */
  SrHttpSocket *newest; /* of the idle ones */
  SrHttpOutlet *sender; /* whose request was sent last since libcurl was called; NULL: none */
  uint64_t turn;        /* how often the loop has polled */
  uint64_t polled_at;   /* when it, or we, looked at all idle ones last, by uv_hrtime */
} SrHttpSockets;

/* Makes room for the first sockets. False: no memory. */
bool sr_http_sockets_open(SrHttpSockets *sockets);

/* The loop has polled. */
void sr_http_sockets_polled(SrHttpSockets *sockets);

/* Looks at the idle ones that the loop has not polled since they are idle, or at all of them. */
void sr_http_sockets_look(SrHttpSockets *sockets);

/* Connections open and used by no request. */
long sr_http_sockets_idle(const SrHttpSockets *sockets);

/* Closes all of them. */
void sr_http_sockets_close(SrHttpSockets *sockets);

/* Gives back the room for them. There is no socket any more. */
void sr_http_sockets_free(SrHttpSockets *sockets);

/* The socket with this descriptor, NULL if there is none. */
SrHttpSocket *sr_http_socket_find(const SrHttpSockets *sockets, curl_socket_t fd);

/*
** A socket with this descriptor, which must not be closed as long as it is there. `opener`: ours, opened for that; NULL:
** libcurl's. NULL: no memory.
*/
SrHttpSocket *sr_http_socket_add(SrHttpSockets *sockets, curl_socket_t fd, SrHttpOutlet *opener);

/* The request of `sender` goes out now, over a connection whose port on this side is `port`. */
void sr_http_sockets_send(SrHttpSockets *sockets, SrHttpOutlet *sender, int port);

/* Its descriptor is about to be closed. */
void sr_http_socket_close(SrHttpSocket *sock);

/* A request, that of `user`, waits for these events (UV_READABLE, UV_WRITABLE). */
void sr_http_socket_wait(SrHttpSocket *sock, unsigned char events, SrHttpOutlet *user);

/* libcurl does not wait for it any more. If it never was a connection it is closed without a word. */
void sr_http_socket_forget(SrHttpSocket *sock);

/* The request that used it has ended. Its response, if it came, tells how many the connection serves at a time. */
void sr_http_socket_release(SrHttpSocket *sock, bool single, bool multiplexed);

#endif
