/* SPDX-License-Identifier: MIT */
/*
** The floor: what a plain C program gets out of libcurl's multi interface on libuv. No runtime, no
** limits, no cancellation: easy handles are set up once and used again, sockets are the program's
** own and stay polled until they close.
**
**     floor many N URL [CA_FILE]      N requests, 64 at a time
**     floor serial N URL [CA_FILE]    N requests one after another; seconds is the median of one
**     floor stream N URL [CA_FILE]    one body of N MiB
**
** Prints seconds=... bytes=... (peak of resident memory).
*/
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define WARM_UP 640
#define MAX_DESCRIPTORS 1024

typedef struct Socket {
  uv_poll_t poll;
  curl_socket_t fd;
  int wants, polls; /* what libcurl waits for, and what the poll is started with */
} Socket;

typedef struct Transfer {
  CURL *easy;
  uint64_t started;
  curl_off_t bytes;
} Transfer;

static CURLM *multi;
static uv_timer_t timer;
static Socket *sockets[MAX_DESCRIPTORS];
static int kick;                     /* libcurl asked to be run at once */
static long to_start, done;          /* requests */
static double *latencies;            /* of each request, or NULL */
static curl_off_t expected, arrived; /* bytes of one body, and of all */

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void settle(void);

/* ---- sockets and the timer ---------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events) {
  Socket *sock = poll->data;
  int flags = 0, running;
  if (status < 0) flags = CURL_CSELECT_ERR;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(multi, sock->fd, flags, &running);
  settle();
}

static Socket *add_socket(curl_socket_t fd) {
  Socket *sock = calloc(1, sizeof *sock);
  if (sock == NULL || fd >= MAX_DESCRIPTORS || uv_poll_init(uv_default_loop(), &sock->poll, fd) != 0) fail("no poll");
  sock->poll.data = sock;
  sock->fd = fd;
  sockets[fd] = sock;
  return sock;
}

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void drop_socket(curl_socket_t fd) {
  if (sockets[fd] != NULL) uv_close((uv_handle_t *)&sockets[fd]->poll, on_closed);
  sockets[fd] = NULL;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  (void)ctx, (void)purpose;
  if (fd >= 0) add_socket(fd);
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *ctx, curl_socket_t fd) {
  (void)ctx;
  drop_socket(fd);
  return close(fd);
}

/* A poll stays started: what libcurl stops waiting for between two requests it waits for again. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *own) {
  Socket *sock = sockets[fd];
  (void)easy, (void)ctx, (void)own;
  if (what == CURL_POLL_REMOVE) {
    if (sock != NULL && !(sock->polls & UV_READABLE)) drop_socket(fd); /* it never connected */
    return 0;
  }
  if (sock == NULL) sock = add_socket(fd);
  sock->wants = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  if (sock->wants == sock->polls) return 0;
  sock->polls = sock->wants;
  uv_poll_start(&sock->poll, sock->polls, on_poll);
  return 0;
}

static void on_timer(uv_timer_t *unused) {
  (void)unused;
  kick = 1;
  settle();
}

static int on_timeout(CURLM *curl, long milliseconds, void *ctx) {
  (void)curl, (void)ctx;
  kick = milliseconds == 0;
  if (milliseconds > 0)
    uv_timer_start(&timer, on_timer, (uint64_t)milliseconds, 0);
  else
    uv_timer_stop(&timer);
  return 0;
}

/* ---- requests ----------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
  Transfer *transfer = ctx;
  (void)bytes;
  transfer->bytes += (curl_off_t)(size * count);
  return size * count;
}

static void start(Transfer *transfer) {
  to_start--;
  transfer->bytes = 0;
  if (latencies != NULL) transfer->started = uv_hrtime();
  if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK) fail("no handle");
}

static void finish(CURL *easy, CURLcode result) {
  Transfer *transfer;
  long status;
  if (result != CURLE_OK) fail(curl_easy_strerror(result));
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200 || transfer->bytes != expected) fail("wrong answer");
  arrived += transfer->bytes;
  if (latencies != NULL) latencies[done] = (double)(uv_hrtime() - transfer->started) / 1e9;
  done++;
  curl_multi_remove_handle(multi, easy);
  if (to_start > 0) start(transfer);
}

/* After every call that may have moved a transfer: reports what has ended and runs what is due. */
static void settle(void) {
  CURLMsg *message;
  int left, running;
  do {
    while ((message = curl_multi_info_read(multi, &left)) != NULL) finish(message->easy_handle, message->data.result);
    if (!kick) return;
    kick = 0;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  } while (1);
}

static void open_transfer(Transfer *transfer, const char *url, const char *ca_file) {
  CURL *easy = transfer->easy = curl_easy_init();
  if (easy == NULL) fail("no easy handle");
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  if (ca_file == NULL) return;
  curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

/* Runs `count` requests on `width` handles. */
static void run(Transfer *transfers, int width, long count) {
  to_start = count;
  done = 0;
  for (int i = 0; i < width && to_start > 0; i++) start(&transfers[i]);
  settle();
  while (done < count) uv_run(uv_default_loop(), UV_RUN_ONCE);
}

/* ---- measuring ---------------------------------------------------------------------------------- */

static double peak(void) {
  char line[256];
  double kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (strncmp(line, "VmHWM:", 6) == 0) kib = strtod(line + 6, NULL);
  if (f != NULL) fclose(f);
  return kib * 1024;
}

static int by_size(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static double measure(Transfer *transfers, int width, long count) {
  arrived = 0;
  uint64_t began = uv_hrtime();
  run(transfers, width, count);
  double seconds = (double)(uv_hrtime() - began) / 1e9;
  if (arrived != count * expected) fail("bytes are missing");
  return seconds;
}

int main(int argc, char **argv) {
  static Transfer transfers[64];
  if (argc < 4) fail("usage: floor many|serial|stream N URL [CA_FILE]");
  const char *kind = argv[1], *url = argv[3], *ca_file = argc > 4 ? argv[4] : NULL;
  long n = atol(argv[2]);
  int width = strcmp(kind, "many") == 0 ? 64 : 1;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 64L);
  uv_timer_init(uv_default_loop(), &timer);
  for (int i = 0; i < width; i++) open_transfer(&transfers[i], url, ca_file);

  double seconds;
  if (strcmp(kind, "stream") == 0) {
    expected = (curl_off_t)n << 20;
    seconds = measure(transfers, 1, 1);
  } else {
    expected = 1024;
    run(transfers, width, WARM_UP);
    if (width == 1) latencies = calloc((size_t)n, sizeof *latencies);
    seconds = measure(transfers, width, n);
    if (latencies != NULL) {
      qsort(latencies, (size_t)n, sizeof *latencies, by_size);
      seconds = latencies[n / 2];
    }
  }
  printf("seconds=%.9f bytes=%.0f\n", seconds, peak());
  return 0;
}
