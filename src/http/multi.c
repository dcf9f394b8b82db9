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
**   - libcurl takes a connection that has something to read for one that is alive, and what
**     came while nobody had asked for the answer to the next request. So whatever comes over
**     an idle connection of HTTP/1.1 (bytes, its end, a goodbye of TLS) retires it: it is shut
**     down, which libcurl sees before it would use it again. The loop tells; and who sends a
**     request looks itself at those that the loop may not have polled since. Over HTTP/2 much
**     may come, which libcurl reads before it sends; only the end, after a goodbye of TLS,
**     escapes it there.
*/
#include "http/multi.h"

#include <stdlib.h>

#include "base/platform.h"

/* The lists of sockets at the start, a power of two. */
#define FIRST_LISTS 64

/* How often libcurl is run again at once before other events get their turn. */
#define MAX_ROUNDS 8

/* When the loop polled this long ago, in nanoseconds, all idle connections are looked at before one is used. */
#define POLL_AGE 1000000

struct SrSocket {
  uv_poll_t poll; /* data: this; freed when it has closed */
  SrMulti *multi; /* not to be used once the poll is closing */
  curl_socket_t fd;
  struct SrSocket *next;          /* in its list */
  SrOutlet *user;                 /* of the request that waited for it last, NULL when that has ended */
  struct SrSocket *newer, *older; /* among the idle ones, while `idle` */
  uint64_t turn;                  /* while `idle`: of the multi, when it became that */
  unsigned char ours;             /* opened by on_open */
  unsigned char live;             /* a connection: CLOSESOCKET will tell of its end */
  unsigned char wants;            /* the events libcurl waits for, 0 while nobody reads or writes */
  unsigned char polls;            /* the events the poll is started with, 0 when stopped */
  unsigned char single;           /* it has carried an answer of HTTP/1.x: while idle nothing may come */
  unsigned char multiplexed;      /* one of HTTP/2: while idle the end may not come */
  unsigned char idle;             /* one of both, and no request uses it but for some that may pause */
  unsigned char retired;          /* what may not come did: it is shut down, and libcurl will close it */
};

struct SrMulti {
  const saros_api *saros;
  CURLM *curl;
  uv_loop_t *loop;
  uv_timer_t timer;   /* libcurl's one timer */
  uv_check_t check;   /* tells that the loop has polled */
  SrSocket *newest;   /* of the idle ones */
  uint64_t turn;      /* how often the loop has polled */
  uint64_t polled_at; /* when it, or we, looked at all idle ones last, by uv_hrtime */
  unsigned handles;   /* of timer and check that have still to close; then this struct is freed */
  SrSocket **lists;   /* the sockets by descriptor, see list_of */
  size_t mask;        /* one less than there are lists, which is a power of two */
  size_t count;       /* of the sockets */
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

/* Its idling is over. */
static void leave_idle(SrSocket *sock) {
  if (!sock->idle) return;
  sock->idle = 0;
  if (sock->newer != NULL)
    sock->newer->older = sock->older;
  else
    sock->multi->newest = sock->older;
  if (sock->older != NULL) sock->older->newer = sock->newer;
  sock->newer = sock->older = NULL;
}

static void set_user(SrSocket *sock, SrOutlet *user) {
  if (sock->user != NULL) sock->user->socket = NULL;
  if (user != NULL && user->socket != NULL) user->socket->user = NULL;
  if (user != NULL) user->socket = sock;
  sock->user = user;
}

static void close_socket(SrSocket *sock) {
  leave_idle(sock);
  set_user(sock, NULL);
  SrSocket **link = list_of(sock->multi, sock->fd);
  while (*link != sock) link = &(*link)->next;
  *link = sock->next;
  sock->multi->count--;
  sock->multi->saros->close((uv_handle_t *)&sock->poll, on_socket_closed);
}

static void act(SrMulti *multi, curl_socket_t fd, int flags);
static void settle(SrMulti *multi);
static void set_polls(SrSocket *sock, unsigned char events);

/*
** Whether something came over an idle connection that makes it useless. If requests pause nobody knows whether
** it is over this one, of HTTP/2, and what has come before the end is theirs.
*/
static int is_spoilt(const SrSocket *sock) {
  SrMulti *multi = sock->multi;
  if (sock->single) return !sr_socket_is_quiet(sock->fd);
  if (!sr_socket_has_ended(sock->fd)) return 0;
  if (!multi->reports->is_pausing(multi->owner)) return 1;
  multi->polled_at = 0; /* it is looked at again */
  return 0;
}

/* libcurl finds out when it looks for a connection to use. */
static void retire(SrSocket *sock) {
  leave_idle(sock);
  sock->retired = 1;
  set_polls(sock, 0);
  sr_socket_end(sock->fd);
}

/* Nobody's event. An idle connection is watched on for what may come, unless that is there. */
static void on_uncalled(SrSocket *sock, int ended) {
  if (sock->idle && is_spoilt(sock))
    retire(sock);
  else if (sock->idle && !ended)
    set_polls(sock, sock->single ? UV_READABLE : UV_DISCONNECT);
  else
    set_polls(sock, sock->wants);
}

/* If no request uses it. A connection that libcurl does not keep is closed already. */
static void begin_idling(SrSocket *sock) {
  SrMulti *multi = sock->multi;
  if (sock->wants != 0 || sock->user != NULL || sock->idle || sock->retired) return;
  if (!sock->live || !(sock->single || sock->multiplexed)) return;
  sock->idle = 1;
  sock->turn = multi->turn;
  sock->older = multi->newest;
  if (sock->older != NULL) sock->older->newer = sock;
  multi->newest = sock;
  if (!(sock->polls & UV_READABLE)) set_polls(sock, sock->single ? UV_READABLE : UV_DISCONNECT);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  SrSocket *sock = poll->data;
  SrMulti *multi = sock->multi;
  int flags = 0;
  if (status < 0) { /* libuv has stopped it; bytes may wait before the error, so libcurl is to read and see */
    events = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
    set_polls(sock, sock->wants);
  }
  if ((events & sock->wants) == 0) {
    on_uncalled(sock, events & UV_DISCONNECT);
    return;
  }
  events &= sock->wants;
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
  if (events != 0) leave_idle(sock);
  if ((sock->polls & events) != events) set_polls(sock, events);
  if (events != 0)
    uv_ref((uv_handle_t *)&sock->poll);
  else
    uv_unref((uv_handle_t *)&sock->poll);
  if (events == 0 && sock->multiplexed) begin_idling(sock);
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
  SrOutlet *user = multi->reports->on_listening(easy, events & UV_READABLE);
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
  if (events != 0 && user != NULL && sock->user != user) set_user(sock, user);
  return 0;
}

static void on_polled(uv_check_t *check) {
  SrMulti *multi = check->data;
  multi->turn++;
  multi->polled_at = uv_hrtime();
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

/* --- idle connections ------------------------------------------------------ */

/* Looks at the idle ones that the loop has not polled since they idle, or a moment ago. */
static void look_at_idle(SrMulti *multi) {
  uint64_t now = uv_hrtime();
  int all = now - multi->polled_at >= POLL_AGE;
  if (all) multi->polled_at = now;
  for (SrSocket *sock = multi->newest, *older; sock != NULL; sock = older) {
    older = sock->older;
    if (!all && sock->turn != multi->turn) return;
    if (is_spoilt(sock)) retire(sock);
  }
}

/* The request has ended that used it. Only its answer shows how many the connection serves at a time. */
static void release(SrSocket *sock, CURL *easy, int answered) {
  long version = CURL_HTTP_VERSION_NONE;
  set_user(sock, NULL);
  if (answered) curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  if (version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) sock->single = 1;
  if (version == CURL_HTTP_VERSION_2_0) sock->multiplexed = 1;
  begin_idling(sock);
}

/* --- requests -------------------------------------------------------------- */

int sr_multi_add(SrMulti *multi, CURL *easy) {
  if (multi->newest != NULL) look_at_idle(multi);
  if (curl_multi_add_handle(multi->curl, easy) != CURLM_OK) return 0;
  if (multi->active++ == 0) uv_ref((uv_handle_t *)&multi->timer);
  settle(multi);
  return 1;
}

/* libcurl 7.88 forgets what it holds back only together with the connection, which others may still use. */
int sr_multi_remove(SrOutlet *outlet, CURL *easy, int paused, int answered) {
  SrMulti *multi = outlet->multi;
  int clean = !paused || curl_easy_pause(easy, CURLPAUSE_CONT) == CURLE_OK;
  curl_multi_remove_handle(multi->curl, easy);
  if (outlet->socket != NULL) release(outlet->socket, easy, answered);
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
  if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) sr_socket_end(fd);
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
      if (sock->live && sock->wants == 0 && sock->user == NULL && !sock->retired) count++;
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
  uv_check_init(loop, &multi->check);
  uv_check_start(&multi->check, on_polled);
  uv_unref((uv_handle_t *)&multi->check);
  multi->timer.data = multi->check.data = multi;
  multi->handles = 2;
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

static void on_handle_closed(uv_handle_t *handle) {
  SrMulti *multi = handle->data;
  if (--multi->handles > 0) return;
  free(multi->lists);
  free(multi);
}

void sr_multi_close(SrMulti *multi) {
  multi->settles = 1; /* nothing is reported any more */
  curl_multi_cleanup(multi->curl);
  for (size_t i = 0; i <= multi->mask; i++)
    while (multi->lists[i] != NULL) close_socket(multi->lists[i]);
  multi->saros->close((uv_handle_t *)&multi->timer, on_handle_closed);
  multi->saros->close((uv_handle_t *)&multi->check, on_handle_closed);
}
