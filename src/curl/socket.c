/* SPDX-License-Identifier: MIT */
/*
** Sockets of libcurl on a libuv loop, see socket.h.
**
** Invariants, each of which is there because of something that libcurl 7.88 does:
**   - libuv aborts when a descriptor is closed under a poll. The sockets of
**     connections are ours (OPENSOCKET, CLOSESOCKET): their poll ends just before
**     they do. Sockets that never got connected and the resolver's socket pair are
**     closed behind our back: their poll ends at POLL_REMOVE, which comes within
**     the same call, or when their number turns up again.
**   - The poll of a connection stays started until it closes. What libcurl has
**     stopped waiting for is taken out only when it really happens: between two
**     requests on one connection nothing reaches epoll.
**   - A poll is referenced only while libcurl waits for its socket, so idle
**     connections keep no run alive.
**   - libcurl takes a connection that has something to read for one that is alive, and takes what
**     came while no request was under way for the response to the next one. So whatever comes over
**     an idle connection of HTTP/1.1 (bytes, its end, a goodbye of TLS) retires it: it is shut
**     down, which libcurl sees before it would use it again. The loop tells of what came. A
**     request also looks itself, at the connections that the loop may not have polled since.
**     Over HTTP/2 much may come, which libcurl reads before it sends; only the end, after a
**     goodbye of TLS, escapes it there.
**   - For libcurl a connection is alive whose reset nobody has read, be it shut down, as Linux resets one over which
**     more comes then: what there is to read of retired connections is read before libcurl is called.
**   - An answer, or the end of the connection, may be there before libcurl has ever waited for the socket: what it says
**     about a request's sockets is learned when that goes out, too.
*/
#include "curl/socket.h"

#include <stdlib.h>

#include "base/platform.h"
#include "http/api.h"

/* The lists of sockets at the start, a power of two. */
enum { FIRST_LISTS = 64 };

/* When the loop polled this long ago, in nanoseconds, all idle connections are looked at before one is used. */
enum { POLL_AGE = 1000000 };

struct SrCurlSocket {
  uv_poll_t poll;         /* data: this; freed when it has closed */
  SrCurlSockets *sockets; /* not to be used once the poll is closing */
  curl_socket_t fd;
  struct SrCurlSocket *next;          /* in its list */
  SrCurlOutlet *user;                 /* of the request that waited for it last, NULL when that has ended */
  struct SrCurlSocket *newer, *older; /* among the idle ones, while `idle`, or the `retired` ones */
  uint64_t turn;                      /* while `idle`: that of all sockets when it became idle */
  bool ours;                          /* opened by on_open */
  bool live;                          /* a connection: CLOSESOCKET will tell of its end */
  unsigned char wants;                /* the events libcurl waits for, 0 while nobody reads or writes */
  unsigned char polls;                /* the events the poll is started with, 0 when stopped */
  int port;                           /* on this side, once that was asked for; 0: not yet, -1: it has none */
  bool single;                        /* it has carried a response of HTTP/1.x: while idle nothing may come */
  bool multiplexed;                   /* one of HTTP/2: while idle the end may not come */
  bool idle;                          /* one of these two, and no request uses it but for some that may pause */
  bool retired;                       /* something came that may not: it is shut down, and libcurl will close it */
};

/*
** Descriptors are small numbers on Unix, and multiples of four on Windows: this spreads either without two in
** one place, as long as they are close together.
*/
static SrCurlSocket **list_of(const SrCurlSockets *sockets, curl_socket_t fd) {
  size_t number = (size_t)fd;
  return &sockets->lists[(number ^ (number >> 2)) & sockets->mask];
}

static void begin_idling(SrCurlSocket *sock);

static void set_user(SrCurlSocket *sock, SrCurlOutlet *user) {
  SrCurlSocket *former = user != NULL ? user->socket : NULL;
  if (sock->user != NULL) sock->user->socket = NULL;
  if (former != NULL) former->user = NULL;
  if (user != NULL) user->socket = sock;
  if (user != NULL && sock->single) user->single = true;
  sock->user = user;
  if (former != NULL) begin_idling(former); /* take_idle took it for the one that the request has */
}

SrCurlSocket *sr_curl_socket_find(const SrCurlSockets *sockets, curl_socket_t fd) {
  SrCurlSocket *sock = *list_of(sockets, fd);
  while (sock != NULL && sock->fd != fd) sock = sock->next;
  return sock;
}

static void link_socket(SrCurlSockets *sockets, SrCurlSocket *sock) {
  SrCurlSocket **list = list_of(sockets, sock->fd);
  sock->next = *list;
  *list = sock;
}

/* One list for each socket. Without memory for more of them they become longer. */
static void make_room(SrCurlSockets *sockets) {
  size_t mask = sockets->mask;
  if (sockets->count <= mask) return;
  SrCurlSocket **former = sockets->lists, **lists = calloc(2 * (mask + 1), sizeof *lists);
  if (lists == NULL) return;
  sockets->lists = lists;
  sockets->mask = 2 * mask + 1;
  for (size_t i = 0; i <= mask; i++) {
    for (SrCurlSocket *sock = former[i], *next; sock != NULL; sock = next) {
      next = sock->next;
      link_socket(sockets, sock);
    }
  }
  free(former);
}

SrCurlSocket *sr_curl_socket_add(SrCurlSockets *sockets, curl_socket_t fd, SrCurlOutlet *opener) {
  SrCurlSocket *sock = sr_curl_socket_find(sockets, fd);
  if (sock != NULL) sr_curl_socket_close(sock); /* the number is used again */
  sock = calloc(1, sizeof *sock);
  if (sock == NULL) return NULL;
  if (uv_poll_init_socket(sockets->loop, &sock->poll, fd) != 0) {
    free(sock);
    return NULL;
  }
  sock->poll.data = sock;
  sock->sockets = sockets;
  sock->fd = fd;
  sock->ours = opener != NULL;
  uv_unref((uv_handle_t *)&sock->poll);
  sockets->count++;
  make_room(sockets);
  link_socket(sockets, sock);
  set_user(sock, opener);
  return sock;
}

static void on_socket_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void join(SrCurlSocket *sock, SrCurlSocket **latest) {
  sock->older = *latest;
  if (sock->older != NULL) sock->older->newer = sock;
  *latest = sock;
}

static void leave(SrCurlSocket *sock, SrCurlSocket **latest) {
  if (sock->newer != NULL)
    sock->newer->older = sock->older;
  else
    *latest = sock->older;
  if (sock->older != NULL) sock->older->newer = sock->newer;
  sock->newer = sock->older = NULL;
}

/* A request uses it again, or it ends. */
static void leave_idle(SrCurlSocket *sock) {
  if (sock->idle) leave(sock, &sock->sockets->newest);
  sock->idle = false;
}

/* -1: none. */
static int port_of(const SrCurlSocket *sock) {
  struct sockaddr_storage address;
  int length = (int)sizeof address;
  if (sr_socket_name(sock->fd, (struct sockaddr *)&address, &length) != 0) return -1;
  if (address.ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)&address)->sin_port);
  return address.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&address)->sin6_port) : -1;
}

static bool has_port(SrCurlSocket *sock, int port) {
  if (sock->port == 0) sock->port = port_of(sock);
  return sock->port == port;
}

/*
** A request has an idle connection of HTTP/1.1 now. libcurl may never wait for it: it pauses when the response has come
** before it would have waited, and then what comes is that response's, and none of which nobody knows. Connections to
** several addresses may have one port here, so it may be another one, until libcurl waits for the right one. Those of
** Unix sockets have none (0), and are not found.
*/
static void take_idle(const SrCurlSockets *sockets, SrCurlOutlet *sender, int port) {
  SrCurlSocket *sock = port > 0 ? sockets->newest : NULL;
  while (sock != NULL && !(sock->single && has_port(sock, port))) sock = sock->older;
  if (sock == NULL) return;
  leave_idle(sock);
  set_user(sock, sender);
}

/* Of several sockets that try to connect only one does: it has that port. */
void sr_curl_sockets_send(SrCurlSockets *sockets, SrCurlOutlet *sender, int port) {
  SrCurlSocket *sock = sender->socket;
  sockets->sender = sender;
  if (sock == NULL)
    take_idle(sockets, sender, port);
  else if (sock->ours && !sock->live)
    sock->live = has_port(sock, port);
}

/* What closes while libcurl is called is the connection over which it has just sent, or one that nobody uses. */
void sr_curl_socket_close(SrCurlSocket *sock) {
  if (sock->single && sock->sockets->sender != NULL) sock->sockets->sender->single = true;
  leave_idle(sock);
  if (sock->retired) leave(sock, &sock->sockets->retired);
  set_user(sock, NULL);
  SrCurlSocket **link = list_of(sock->sockets, sock->fd);
  while (*link != sock) link = &(*link)->next;
  *link = sock->next;
  sock->sockets->count--;
  sr_http_saros->close((uv_handle_t *)&sock->poll, on_socket_closed);
}

static void set_polls(SrCurlSocket *sock, unsigned char events);

/*
** Whether something came over an idle connection that makes it useless. A connection of HTTP/2 may be that of requests
** which pause, and then what came before its end is theirs: while any request pauses the end does not count.
*/
static bool is_spoilt(const SrCurlSocket *sock) {
  SrCurlSockets *sockets = sock->sockets;
  if (sock->single) return !sr_socket_is_quiet(sock->fd);
  if (!sr_socket_has_ended(sock->fd)) return false;
  if (!sockets->is_pausing(sockets->owner)) return true;
  sockets->polled_at = 0; /* so that it is looked at again */
  return false;
}

void sr_curl_socket_retire(SrCurlSocket *sock) {
  leave_idle(sock);
  if (!sock->retired) join(sock, &sock->sockets->retired);
  sock->retired = true;
  set_polls(sock, sock->wants);
  sr_socket_end(sock->fd);
}

/* An event that no request waits for. An idle connection is watched on, unless what came makes it useless. */
static void on_uncalled(SrCurlSocket *sock, bool ended) {
  if (sock->idle && is_spoilt(sock))
    sr_curl_socket_retire(sock);
  else if (sock->idle && !ended)
    set_polls(sock, sock->single ? UV_READABLE : UV_DISCONNECT);
  else
    set_polls(sock, sock->wants);
}

/* Counts it among the idle ones, if no request uses it. A connection that libcurl does not keep is closed already. */
static void begin_idling(SrCurlSocket *sock) {
  SrCurlSockets *sockets = sock->sockets;
  if (sock->wants != 0 || sock->user != NULL || sock->idle || sock->retired) return;
  if (!sock->live || !(sock->single || sock->multiplexed)) return;
  sock->idle = true;
  sock->turn = sockets->turn;
  join(sock, &sockets->newest);
  if (!(sock->polls & UV_READABLE)) set_polls(sock, sock->single ? UV_READABLE : UV_DISCONNECT);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  SrCurlSocket *sock = poll->data;
  SrCurlSockets *sockets = sock->sockets;
  int flags = 0;
  if (status < 0) { /* libuv has stopped it; bytes may wait before the error, so libcurl is to read and see */
    events = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
    set_polls(sock, sock->wants);
  }
  if ((events & sock->wants) == 0) {
    on_uncalled(sock, (events & UV_DISCONNECT) != 0);
    return;
  }
  events &= sock->wants;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  sockets->on_event(sockets->owner, sock->fd, flags);
}

static void set_polls(SrCurlSocket *sock, unsigned char events) {
  sock->polls = events;
  if (events == 0)
    uv_poll_stop(&sock->poll);
  else
    uv_poll_start(&sock->poll, events, on_poll);
}

static void set_wants(SrCurlSocket *sock, unsigned char events) {
  sock->wants = events;
  if (sock->ours && (events & UV_READABLE)) sock->live = true; /* a socket that connects waits to write */
  if (events != 0) leave_idle(sock);
  if ((sock->polls & events) != events) set_polls(sock, events);
  if (events != 0)
    uv_ref((uv_handle_t *)&sock->poll);
  else
    uv_unref((uv_handle_t *)&sock->poll);
  if (events == 0 && sock->multiplexed) begin_idling(sock);
}

void sr_curl_socket_wait(SrCurlSocket *sock, unsigned char events, SrCurlOutlet *user) {
  set_wants(sock, events);
  if (events != 0 && user != NULL && sock->user != user) set_user(sock, user);
}

void sr_curl_socket_forget(SrCurlSocket *sock) {
  if (sock->live)
    set_wants(sock, 0);
  else
    sr_curl_socket_close(sock);
}

void sr_curl_socket_release(SrCurlSocket *sock, bool single, bool multiplexed) {
  set_user(sock, NULL);
  if (single) sock->single = true;
  if (multiplexed) sock->multiplexed = true;
  begin_idling(sock);
}

/* --- all of them ----------------------------------------------------------- */

bool sr_curl_sockets_open(SrCurlSockets *sockets) {
  sockets->mask = FIRST_LISTS - 1;
  sockets->lists = calloc(FIRST_LISTS, sizeof *sockets->lists);
  return sockets->lists != NULL;
}

void sr_curl_sockets_polled(SrCurlSockets *sockets) {
  sockets->turn++;
  sockets->polled_at = uv_hrtime();
}

/* Whether the loop has polled since: what it had asked the system before the socket became idle does not count. */
static bool has_been_polled(const SrCurlSocket *sock) {
  return sock->sockets->turn - sock->turn >= 2;
}

void sr_curl_sockets_look(SrCurlSockets *sockets) {
  uint64_t now = uv_hrtime();
  bool all = now - sockets->polled_at >= POLL_AGE;
  if (all) sockets->polled_at = now;
  for (SrCurlSocket *sock = sockets->newest, *older; sock != NULL; sock = older) {
    older = sock->older;
    if (!all && has_been_polled(sock)) return;
    if (is_spoilt(sock)) sr_curl_socket_retire(sock);
  }
}

void sr_curl_sockets_end_retired(const SrCurlSockets *sockets) {
  for (const SrCurlSocket *sock = sockets->retired; sock != NULL; sock = sock->older) sr_socket_end(sock->fd);
}

static bool is_open(const SrCurlSocket *sock) {
  return sock->live && !sock->retired;
}

static bool is_unused(const SrCurlSocket *sock) {
  return is_open(sock) && sock->wants == 0 && sock->user == NULL;
}

static bool is_multiplexed(const SrCurlSocket *sock) {
  return is_open(sock) && sock->multiplexed;
}

static bool is_single(const SrCurlSocket *sock) {
  return is_open(sock) && !sock->multiplexed;
}

static long count_sockets(const SrCurlSockets *sockets, bool (*counts)(const SrCurlSocket *sock)) {
  long count = 0;
  for (size_t i = 0; i <= sockets->mask; i++)
    for (const SrCurlSocket *sock = sockets->lists[i]; sock != NULL; sock = sock->next)
      if (counts(sock)) count++;
  return count;
}

long sr_curl_sockets_idle(const SrCurlSockets *sockets) {
  return count_sockets(sockets, is_unused);
}

long sr_curl_sockets_single(const SrCurlSockets *sockets) {
  return count_sockets(sockets, is_single);
}

bool sr_curl_sockets_multiplex(const SrCurlSockets *sockets) {
  return count_sockets(sockets, is_multiplexed) > 0;
}

void sr_curl_sockets_close(SrCurlSockets *sockets) {
  for (size_t i = 0; i <= sockets->mask; i++)
    while (sockets->lists[i] != NULL) sr_curl_socket_close(sockets->lists[i]);
}

void sr_curl_sockets_free(SrCurlSockets *sockets) {
  free(sockets->lists);
}
