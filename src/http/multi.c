/* SPDX-License-Identifier: MIT */
/*
** libcurl's multi interface on a libuv loop, see multi.h.
**
** Invariants, each the answer to something libcurl 7.88 does:
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
**   - A timeout of zero is run when the outermost call is done, not by a timer.
*/
#include "http/multi.h"

#include <stdlib.h>

#include "http/platform.h"

/* The lists of sockets at the start, a power of two. */
#define FIRST_LISTS 64

/* How often libcurl is run again at once before other events get their turn. */
#define MAX_ROUNDS 8

typedef struct SrSocket {
  uv_poll_t poll; /* data: this; freed when it has closed */
  SrMulti *multi; /* not to be used once the poll is closing */
  curl_socket_t fd;
  struct SrSocket *next; /* in its list */
  unsigned char ours;    /* opened by on_open */
  unsigned char live;    /* a connection: CLOSESOCKET will tell of its end */
  unsigned char wants;   /* the events libcurl waits for, 0 while idle */
  unsigned char polls;   /* the events the poll is started with, 0 when stopped */
} SrSocket;

struct SrMulti {
  const saros_api *saros;
  CURLM *curl;
  uv_loop_t *loop;
  uv_timer_t timer; /* libcurl's one timer; this struct is freed when it has closed */
  SrSocket **lists; /* the sockets by descriptor, see list_of */
  size_t mask;      /* one less than there are lists, which is a power of two */
  size_t count;     /* of the sockets */
  const SrReports *reports;
  void *owner;           /* theirs */
  unsigned active;       /* easy handles in it */
  unsigned char kick;    /* libcurl asked to be run at once */
  unsigned char settles; /* settle is running */
  unsigned char failed;  /* there was no memory for a socket that libcurl waits for, or in libcurl itself */
};

/* --- sockets --------------------------------------------------------------- */

/*
** Descriptors are small numbers on Unix, and multiples of four on Windows: this spreads either without two in
** one place, as long as they are close together.
*/
static SrSocket **list_of(const SrMulti *multi, curl_socket_t fd) {
  size_t number = (size_t)fd;
  return &multi->lists[(number ^ (number >> 2)) & multi->mask];
}

static SrSocket *find_socket(const SrMulti *multi, curl_socket_t fd) {
  SrSocket *sock = *list_of(multi, fd);
  while (sock != NULL && sock->fd != fd) sock = sock->next;
  return sock;
}

static void link_socket(SrMulti *multi, SrSocket *sock) {
  SrSocket **list = list_of(multi, sock->fd);
  sock->next = *list;
  *list = sock;
}

/* One list for each socket. Without memory for more of them they become longer. */
static void make_room(SrMulti *multi) {
  size_t mask = multi->mask;
  if (multi->count <= mask) return;
  SrSocket **former = multi->lists, **lists = calloc(2 * (mask + 1), sizeof *lists);
  if (lists == NULL) return;
  multi->lists = lists;
  multi->mask = 2 * mask + 1;
  for (size_t i = 0; i <= mask; i++) {
    for (SrSocket *sock = former[i], *next; sock != NULL; sock = next) {
      next = sock->next;
      link_socket(multi, sock);
    }
  }
  free(former);
}

static void close_socket(SrSocket *sock);

static SrSocket *add_socket(SrMulti *multi, curl_socket_t fd, int ours) {
  SrSocket *sock = find_socket(multi, fd);
  if (sock != NULL) close_socket(sock); /* the number is used again */
  sock = calloc(1, sizeof *sock);
  if (sock == NULL) return NULL;
  if (uv_poll_init_socket(multi->loop, &sock->poll, fd) != 0) {
    free(sock);
    return NULL;
  }
  sock->poll.data = sock;
  sock->multi = multi;
  sock->fd = fd;
  sock->ours = (unsigned char)ours;
  uv_unref((uv_handle_t *)&sock->poll);
  multi->count++;
  make_room(multi);
  link_socket(multi, sock);
  return sock;
}

static void on_socket_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void close_socket(SrSocket *sock) {
  SrSocket **link = list_of(sock->multi, sock->fd);
  while (*link != sock) link = &(*link)->next;
  *link = sock->next;
  sock->multi->count--;
  sock->multi->saros->close((uv_handle_t *)&sock->poll, on_socket_closed);
}

static void act(SrMulti *multi, curl_socket_t fd, int flags);
static void settle(SrMulti *multi);
static void set_polls(SrSocket *sock, unsigned char events);

static void on_poll(uv_poll_t *poll, int status, int events) {
  SrSocket *sock = poll->data;
  SrMulti *multi = sock->multi;
  int flags = 0;
  if (status < 0) { /* libuv has stopped it; bytes may wait before the error, so libcurl is to read and see */
    events = UV_READABLE | UV_WRITABLE;
    set_polls(sock, sock->wants);
  }
  events &= sock->wants;
  if (events == 0) { /* nobody's event any more */
    set_polls(sock, sock->wants);
    return;
  }
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  act(multi, sock->fd, flags);
  settle(multi);
}

static void set_polls(SrSocket *sock, unsigned char events) {
  sock->polls = events;
  if (events == 0)
    uv_poll_stop(&sock->poll);
  else
    uv_poll_start(&sock->poll, events, on_poll);
}

static void set_wants(SrSocket *sock, unsigned char events) {
  sock->wants = events;
  if (sock->ours && (events & UV_READABLE)) sock->live = 1; /* who connects waits to write */
  if ((sock->polls & events) != events) set_polls(sock, events);
  if (events != 0)
    uv_ref((uv_handle_t *)&sock->poll);
  else
    uv_unref((uv_handle_t *)&sock->poll);
}

/* --- libcurl's callbacks: none of them calls libcurl ----------------------- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
  SrOutlet *outlet = ctx;
  (void)purpose;
  curl_socket_t fd = sr_socket_open(address->family, address->socktype, address->protocol, &outlet->refusal);
  if (fd == CURL_SOCKET_BAD || add_socket(outlet->multi, fd, 1) != NULL) return fd;
  outlet->refusal = UV_ENOMEM;
  sr_socket_close(fd);
  return CURL_SOCKET_BAD;
}

static int on_close(void *ctx, curl_socket_t fd) {
  SrSocket *sock = find_socket(ctx, fd);
  if (sock != NULL) close_socket(sock);
  return sr_socket_close(fd);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused) {
  SrMulti *multi = ctx;
  SrSocket *sock = find_socket(multi, fd);
  unsigned char events = 0;
  (void)unused;
  if (what & CURL_POLL_IN) events |= UV_READABLE;
  if (what & CURL_POLL_OUT) events |= UV_WRITABLE;
  multi->reports->on_listening(easy, events & UV_READABLE);
  if (sock == NULL) {
    if (events == 0) return 0;
    sock = add_socket(multi, fd, 0);
    if (sock == NULL) { /* to tell libcurl would end the multi handle for good */
      multi->failed = 1;
      return 0;
    }
  }
  if (what == CURL_POLL_REMOVE && !sock->live)
    close_socket(sock);
  else
    set_wants(sock, events);
  return 0;
}

static void on_timer(uv_timer_t *timer) {
  SrMulti *multi = timer->data;
  multi->kick = 1;
  settle(multi);
}

static int on_timeout(CURLM *curl, long milliseconds, void *ctx) {
  SrMulti *multi = ctx;
  (void)curl;
  multi->kick = milliseconds == 0;
  if (milliseconds > 0)
    uv_timer_start(&multi->timer, on_timer, (uint64_t)milliseconds, 0);
  else
    uv_timer_stop(&multi->timer);
  return 0;
}

/* --- running it ------------------------------------------------------------ */

static void act(SrMulti *multi, curl_socket_t fd, int flags) {
  int running;
  if (curl_multi_socket_action(multi->curl, fd, flags, &running) != CURLM_OK) multi->failed = 1;
}

static void report_done(SrMulti *multi) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(multi->curl, &left)) != NULL)
    if (message->msg == CURLMSG_DONE) multi->reports->on_done(message->easy_handle, message->data.result);
}

/* After every call that may have moved a transfer: reports what has ended and runs what is due. */
static void settle(SrMulti *multi) {
  if (multi->settles) return;
  multi->settles = 1;
  report_done(multi);
  for (int round = 0; multi->kick && round < MAX_ROUNDS; round++) {
    multi->kick = 0;
    act(multi, CURL_SOCKET_TIMEOUT, 0);
    report_done(multi);
  }
  if (multi->kick) uv_timer_start(&multi->timer, on_timer, 0, 0);
  multi->settles = 0;
  if (!multi->failed) return;
  multi->failed = 0;
  multi->reports->on_failure(multi->owner);
}

int sr_multi_add(SrMulti *multi, CURL *easy) {
  if (curl_multi_add_handle(multi->curl, easy) != CURLM_OK) return 0;
  if (multi->active++ == 0) uv_ref((uv_handle_t *)&multi->timer);
  settle(multi);
  return 1;
}

/* libcurl 7.88 forgets what it holds back only together with the connection, which others may still use. */
int sr_multi_remove(SrMulti *multi, CURL *easy, int paused) {
  int clean = !paused || curl_easy_pause(easy, CURLPAUSE_CONT) == CURLE_OK;
  curl_multi_remove_handle(multi->curl, easy);
  if (--multi->active == 0) uv_unref((uv_handle_t *)&multi->timer);
  settle(multi);
  return clean;
}

CURLcode sr_multi_unpause(SrMulti *multi, CURL *easy, int still) {
  CURLcode result = curl_easy_pause(easy, still);
  settle(multi);
  return result;
}

void sr_multi_break(CURL *easy) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) sr_socket_shutdown(fd);
}

/* Only a change makes libcurl look at it. */
void sr_multi_nudge(SrMulti *multi, CURL *easy) {
  curl_off_t took = 0;
  curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &took);
  if (took > 0) return;
  curl_easy_pause(easy, CURLPAUSE_RECV);
  curl_easy_pause(easy, CURLPAUSE_CONT);
  settle(multi);
}

long sr_multi_idle(const SrMulti *multi) {
  long count = 0;
  for (size_t i = 0; i <= multi->mask; i++)
    for (const SrSocket *sock = multi->lists[i]; sock != NULL; sock = sock->next)
      if (sock->live && sock->wants == 0) count++;
  return count;
}

/* --- new, close ------------------------------------------------------------ */

SrMulti *sr_multi_new(const saros_api *saros, uv_loop_t *loop, long idle_limit, int multiplexes,
                      const SrReports *reports, void *owner) {
  SrMulti *multi = calloc(1, sizeof *multi);
  if (multi == NULL) return NULL;
  multi->mask = FIRST_LISTS - 1;
  multi->lists = calloc(FIRST_LISTS, sizeof *multi->lists);
  multi->curl = multi->lists != NULL ? curl_multi_init() : NULL;
  if (multi->curl == NULL) {
    free(multi->lists);
    free(multi);
    return NULL;
  }
  multi->saros = saros;
  multi->loop = loop;
  multi->reports = reports;
  multi->owner = owner;
  uv_timer_init(loop, &multi->timer);
  uv_unref((uv_handle_t *)&multi->timer);
  multi->timer.data = multi;
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
  curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, idle_limit);
  curl_multi_setopt(multi->curl, CURLMOPT_MAX_CONCURRENT_STREAMS, 100L);
  if (!multiplexes) curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  return multi;
}

void sr_multi_equip(SrOutlet *outlet, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, outlet);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, outlet->multi);
}

static void on_multi_closed(uv_handle_t *timer) {
  SrMulti *multi = timer->data;
  free(multi->lists);
  free(multi);
}

void sr_multi_close(SrMulti *multi) {
  multi->settles = 1; /* nothing is reported any more */
  curl_multi_cleanup(multi->curl);
  for (size_t i = 0; i <= multi->mask; i++)
    while (multi->lists[i] != NULL) close_socket(multi->lists[i]);
  multi->saros->close((uv_handle_t *)&multi->timer, on_multi_closed);
}
