/* SPDX-License-Identifier: MIT */
/*
** The sockets of one multi handle: when libcurl wants to hear of them, and what comes over connections that no request
** uses. They are known by their descriptors.
*/
#ifndef SR_CURL_SOCKET_H
#define SR_CURL_SOCKET_H

#include <curl/curl.h>
#include <stdbool.h>

#include "saros.h"

typedef struct SrCurlSocket SrCurlSocket;

/* Where an easy handle gets its sockets from. */
typedef struct SrCurlOutlet {
  struct SrCurlMulti *multi;
  SrCurlSocket *socket; /* that it opened, or its request waited for, last; NULL before, and when that is closed */
  int refusal;          /* the status (libuv's) with which the system refused the latest one; 0 if it did not */
  bool single;          /* it has waited for one that had carried a response of HTTP/1.x, or seen its end */
} SrCurlOutlet;

/* Zeroed before sr_curl_sockets_open, but for what its owner sets. */
typedef struct SrCurlSockets {
  uv_loop_t *loop;                                            /* this one and the next three are the owner's to set */
  void (*on_event)(void *owner, curl_socket_t fd, int flags); /* what libcurl waited for has come: CURL_CSELECT_... */
  bool (*is_pausing)(void *owner);                            /* whether a transfer has been paused */
  void *owner;
  SrCurlSocket **lists;  /* the sockets by descriptor, see list_of */
  size_t mask;           /* one less than there are lists, which is a power of two */
  size_t count;          /* of the sockets */
  SrCurlSocket *newest;  /* of the idle ones */
  SrCurlSocket *retired; /* the latest of those */
  SrCurlOutlet *sender;  /* whose request was sent last since libcurl was called; NULL: none */
  uint64_t turn;         /* how often the loop has polled */
  uint64_t polled_at;    /* when it, or we, looked at all idle ones last, by uv_hrtime */
} SrCurlSockets;

/* Makes room for the first sockets. False: no memory. */
bool sr_curl_sockets_open(SrCurlSockets *sockets);

/* The loop has polled. */
void sr_curl_sockets_polled(SrCurlSockets *sockets);

/* Looks at the idle ones that the loop has not polled since they are idle, or at all of them. */
void sr_curl_sockets_look(SrCurlSockets *sockets);

/* libcurl is about to be called: it finds retired connections ended, whatever has come over them since. */
void sr_curl_sockets_end_retired(const SrCurlSockets *sockets);

/* Connections open and used by no request. */
long sr_curl_sockets_idle(const SrCurlSockets *sockets);

/* Connections open that carry one request at a time, as far as that is known. */
long sr_curl_sockets_single(const SrCurlSockets *sockets);

/* Whether one of them is of HTTP/2. */
bool sr_curl_sockets_multiplex(const SrCurlSockets *sockets);

/* Closes all of them. */
void sr_curl_sockets_close(SrCurlSockets *sockets);

/* Gives back the room for them. There is no socket any more. */
void sr_curl_sockets_free(SrCurlSockets *sockets);

/* The socket with this descriptor, NULL if there is none. */
SrCurlSocket *sr_curl_socket_find(const SrCurlSockets *sockets, curl_socket_t fd);

/*
** A socket with this descriptor, which must not be closed as long as it is there. `opener`: ours, opened for that; NULL:
** libcurl's. NULL: no memory.
*/
SrCurlSocket *sr_curl_socket_add(SrCurlSockets *sockets, curl_socket_t fd, SrCurlOutlet *opener);

/* The request of `sender` goes out now, over a connection whose port on this side is `port`. */
void sr_curl_sockets_send(SrCurlSockets *sockets, SrCurlOutlet *sender, int port);

/* Nothing may follow on it: it is shut down. libcurl sees that when it looks for a connection to use, and closes it. */
void sr_curl_socket_retire(SrCurlSocket *sock);

/* Its descriptor is about to be closed. */
void sr_curl_socket_close(SrCurlSocket *sock);

/* A request, that of `user`, waits for these events (UV_READABLE, UV_WRITABLE). */
void sr_curl_socket_wait(SrCurlSocket *sock, unsigned char events, SrCurlOutlet *user);

/* libcurl does not wait for it any more. If it never was a connection it is closed without a word. */
void sr_curl_socket_forget(SrCurlSocket *sock);

/* The request that used it has ended. Its response, if it came, tells how many the connection serves at a time. */
void sr_curl_socket_release(SrCurlSocket *sock, bool single, bool multiplexed);

#endif
