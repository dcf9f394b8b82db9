/* SPDX-License-Identifier: MIT */
/*
** libcurl's multi interface on a libuv loop, see multi.h.
**
** Invariant: a timeout of zero is run when the outermost call is done, not by a timer. What holds for sockets stands in
** socket.c.
*/
#include "curl/multi.h"

#include <stdlib.h>

#include "base/platform.h"
#include "http/api.h"

/* How often libcurl is run again at once before other events get their turn. */
enum { MAX_ROUNDS = 8 };

struct SrCurlMulti {
  CURLM *curl;
  uv_timer_t timer; /* libcurl's one timer */
  uv_check_t check; /* tells that the loop has polled */
  unsigned handles; /* of timer and check that have still to close; then this struct is freed */
  SrCurlSockets sockets;
  const SrCurlReports *reports;
  void *owner;                                        /* theirs */
  void (*on_unused)(void *owner, SrCurlMulti *multi); /* NULL: it was not left */
  unsigned active;                                    /* easy handles in it */
  bool kick;                                          /* libcurl asked to be run at once */
  bool settles;                                       /* settle is running */
  bool failed; /* there was no memory for a socket that libcurl waits for, or in libcurl itself */
};

static void settle(SrCurlMulti *multi);

/* --- libcurl's callbacks: none of them calls libcurl ----------------------- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
  SrCurlOutlet *outlet = ctx;
  (void)purpose;
  curl_socket_t fd = sr_socket_open(address->family, address->socktype, address->protocol, &outlet->refusal);
  if (fd == CURL_SOCKET_BAD || sr_curl_socket_add(&outlet->multi->sockets, fd, outlet) != NULL) return fd;
  outlet->refusal = UV_ENOMEM;
  sr_socket_close(fd);
  return CURL_SOCKET_BAD;
}

static int on_close(void *ctx, curl_socket_t fd) {
  SrCurlSocket *sock = sr_curl_socket_find(&((SrCurlMulti *)ctx)->sockets, fd);
  if (sock != NULL) sr_curl_socket_close(sock);
  return sr_socket_close(fd);
}

static int on_socket(CURL *handle, curl_socket_t fd, int what, void *ctx, void *unused) {
  SrCurlMulti *multi = ctx;
  SrCurlSocket *sock = sr_curl_socket_find(&multi->sockets, fd);
  unsigned char events = 0;
  (void)unused;
  if (what & CURL_POLL_IN) events |= UV_READABLE;
  if (what & CURL_POLL_OUT) events |= UV_WRITABLE;
  SrCurlOutlet *user = multi->reports->on_listening(handle, (events & UV_READABLE) != 0);
  if (sock == NULL) {
    if (events == 0) return 0;
    sock = sr_curl_socket_add(&multi->sockets, fd, NULL);
    if (sock == NULL) { /* if libcurl were told it would use the multi handle no more */
      multi->failed = true;
      return 0;
    }
  }
  if (what == CURL_POLL_REMOVE)
    sr_curl_socket_forget(sock);
  else
    sr_curl_socket_wait(sock, events, user);
  return 0;
}

static void report_unused(SrCurlMulti *multi) {
  void (*on_unused)(void *owner, SrCurlMulti *multi) = multi->on_unused;
  multi->on_unused = NULL;
  if (!sr_curl_sockets_multiplex(&multi->sockets)) on_unused(multi->owner, multi);
}

static void on_polled(uv_check_t *check) {
  SrCurlMulti *multi = check->data;
  sr_curl_sockets_polled(&multi->sockets);
  if (multi->on_unused != NULL && multi->active == 0) report_unused(multi);
}

static void on_timer(uv_timer_t *timer) {
  SrCurlMulti *multi = timer->data;
  multi->kick = true;
  settle(multi);
}

static int on_timeout(CURLM *curl, long milliseconds, void *ctx) {
  SrCurlMulti *multi = ctx;
  (void)curl;
  multi->kick = milliseconds == 0;
  if (milliseconds > 0)
    uv_timer_start(&multi->timer, on_timer, (uint64_t)milliseconds, 0);
  else
    uv_timer_stop(&multi->timer);
  return 0;
}

/* --- running it ------------------------------------------------------------ */

static void act(SrCurlMulti *multi, curl_socket_t fd, int flags) {
  int running;
  multi->sockets.sender = NULL;
  sr_curl_sockets_end_retired(&multi->sockets);
  if (curl_multi_socket_action(multi->curl, fd, flags, &running) != CURLM_OK) multi->failed = true;
}

static void report_done(SrCurlMulti *multi) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(multi->curl, &left)) != NULL)
    if (message->msg == CURLMSG_DONE) multi->reports->on_done(message->easy_handle, message->data.result);
}

/* After every call that may have moved a transfer: reports what has ended and runs what is due. */
static void settle(SrCurlMulti *multi) {
  if (multi->settles) return;
  multi->settles = true;
  report_done(multi);
  for (int round = 0; multi->kick && round < MAX_ROUNDS; round++) {
    multi->kick = false;
    act(multi, CURL_SOCKET_TIMEOUT, 0);
    report_done(multi);
  }
  if (multi->kick) uv_timer_start(&multi->timer, on_timer, 0, 0);
  multi->settles = false;
  if (!multi->failed) return;
  multi->failed = false;
  multi->reports->on_failure(multi->owner);
}

static void on_event(void *owner, curl_socket_t fd, int flags) {
  act(owner, fd, flags);
  settle(owner);
}

static bool is_pausing(void *owner) {
  const SrCurlMulti *multi = owner;
  return multi->reports->is_pausing(multi->owner);
}

/* --- requests -------------------------------------------------------------- */

bool sr_curl_multi_add(SrCurlMulti *multi, CURL *handle) {
  if (multi->sockets.newest != NULL) sr_curl_sockets_look(&multi->sockets);
  if (curl_multi_add_handle(multi->curl, handle) != CURLM_OK) return false;
  if (multi->active++ == 0) uv_ref((uv_handle_t *)&multi->timer);
  settle(multi);
  return true;
}

/* Only the response shows how many requests the connection serves at a time. */
static void release(SrCurlSocket *sock, CURL *handle, bool has_head) {
  long version = CURL_HTTP_VERSION_NONE;
  if (has_head) curl_easy_getinfo(handle, CURLINFO_HTTP_VERSION, &version);
  bool is_single = version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
  sr_curl_socket_release(sock, is_single, version == CURL_HTTP_VERSION_2_0);
}

/* libcurl 7.88 forgets what it holds back only together with the connection, which others may still use. */
bool sr_curl_multi_remove(SrCurlOutlet *outlet, CURL *handle, bool paused, bool has_head) {
  SrCurlMulti *multi = outlet->multi;
  if (multi->sockets.sender == outlet) multi->sockets.sender = NULL;
  bool clean = !paused || curl_easy_pause(handle, CURLPAUSE_CONT) == CURLE_OK;
  curl_multi_remove_handle(multi->curl, handle);
  if (outlet->socket != NULL) release(outlet->socket, handle, has_head);
  if (--multi->active == 0) uv_unref((uv_handle_t *)&multi->timer);
  settle(multi);
  return clean;
}

CURLcode sr_curl_multi_unpause(SrCurlMulti *multi, CURL *handle, int still) {
  CURLcode result = curl_easy_pause(handle, still);
  settle(multi);
  return result;
}

void sr_curl_multi_break(const SrCurlOutlet *outlet, CURL *handle) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &fd);
  SrCurlSocket *sock = fd != CURL_SOCKET_BAD ? sr_curl_socket_find(&outlet->multi->sockets, fd) : NULL;
  if (sock != NULL) sr_curl_socket_retire(sock);
}

void sr_curl_multi_send(SrCurlOutlet *outlet, int port) {
  sr_curl_sockets_send(&outlet->multi->sockets, outlet, port);
}

/* libcurl looks at a transfer that waits for nothing only when something about it changes. */
void sr_curl_multi_nudge(SrCurlMulti *multi, CURL *handle) {
  curl_off_t took = 0;
  curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &took);
  if (took > 0) return;
  curl_easy_pause(handle, CURLPAUSE_RECV);
  curl_easy_pause(handle, CURLPAUSE_CONT);
  settle(multi);
}

long sr_curl_multi_idle(const SrCurlMulti *multi) {
  return sr_curl_sockets_idle(&multi->sockets);
}

long sr_curl_multi_spare(const SrCurlMulti *multi) {
  long spare = sr_curl_sockets_single(&multi->sockets) - (long)multi->active;
  return spare > 0 ? spare : 0;
}

void sr_curl_multi_leave(SrCurlMulti *multi, void (*on_unused)(void *owner, SrCurlMulti *multi)) {
  multi->on_unused = on_unused;
}

/* --- new, close ------------------------------------------------------------ */

SrCurlMulti *sr_curl_multi_new(uv_loop_t *loop, long idle_limit, bool multiplexes, const SrCurlReports *reports,
                               void *owner) {
  SrCurlMulti *multi = calloc(1, sizeof *multi);
  if (multi == NULL) return NULL;
  multi->sockets = (SrCurlSockets){.loop = loop, .on_event = on_event, .is_pausing = is_pausing, .owner = multi};
  multi->curl = sr_curl_sockets_open(&multi->sockets) ? curl_multi_init() : NULL;
  if (multi->curl == NULL) {
    sr_curl_sockets_free(&multi->sockets);
    free(multi);
    return NULL;
  }
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

void sr_curl_multi_equip(SrCurlOutlet *outlet, CURL *handle) {
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, outlet);
  curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, outlet->multi);
}

static void on_handle_closed(uv_handle_t *handle) {
  SrCurlMulti *multi = handle->data;
  if (--multi->handles > 0) return;
  sr_curl_sockets_free(&multi->sockets);
  free(multi);
}

void sr_curl_multi_close(SrCurlMulti *multi) {
  multi->settles = true; /* nothing is reported any more */
  curl_multi_cleanup(multi->curl);
  sr_curl_sockets_close(&multi->sockets);
  sr_http_saros->close((uv_handle_t *)&multi->timer, on_handle_closed);
  sr_http_saros->close((uv_handle_t *)&multi->check, on_handle_closed);
}
