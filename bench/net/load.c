/* SPDX-License-Identifier: MIT */
/*
** The load on an echo server, the same for all of them: starts the server, has connections send a message and wait for
** its echo, again and again, and measures.
**
**     load echo CONNECTIONS SIZE MESSAGES SERVER ARGUMENTS...    MESSAGES in all
**     load tls CONNECTIONS SIZE MESSAGES SERVER ARGUMENTS...     the same over TLS (any certificate will do)
**     load idle CONNECTIONS SIZE MESSAGES SERVER ARGUMENTS...    one message each, then all wait
**     load busy CONNECTIONS SIZE MESSAGES SERVER ARGUMENTS...    all wait but one more, which sends MESSAGES
**
** The server prints its port and serves until it is ended. Prints seconds=... bytes=... cpu=... alone=...: bytes are the
** memory of the server without what files share (for idle, what the connections have added to it), cpu its seconds of
** processor time, which say more than the others where the machine has something else to do; alone, for busy, the
** seconds that the busy one took before there were any others.
**
** The server and the load have a core each: where the system moves them about, how often each has to be woken on
** another one says more of it than of them. With a busy one they share a core: only one of them has something to do at
** any time, and waking another core would take longer than that.
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

/* How long the server may take to put away what it need not keep, in microseconds. */
#define SETTLING 200000

typedef struct Connection {
  int fd;
  SSL *ssl;
  size_t sent, received; /* of the message under way */
} Connection;

static pid_t server;
static int port, poller;
static cpu_set_t cores; /* that may be used */
static SSL_CTX *context; /* NULL: plain */
static size_t size;
static char *message, *echo;
static long to_start, done;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  if (server > 0) kill(server, SIGKILL);
  exit(1);
}

/* ---- cores ---- */

/* From now on this process runs on that core alone, counted round those that may be used. */
static void pin(int which) {
  cpu_set_t one;
  size_t core = 0;
  for (which %= CPU_COUNT(&cores); !CPU_ISSET(core, &cores) || which-- > 0;) core++;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

/* ---- the server ---- */

static void start_server(char **command, int core) {
  int pipes[2];
  if (pipe(pipes) != 0) fail("pipe");
  server = fork();
  if (server == 0) {
    pin(core);
    dup2(pipes[1], 1);
    close(pipes[0]);
    close(pipes[1]);
    execvp(command[0], command);
    _exit(127);
  }
  close(pipes[1]);
  FILE *said = fdopen(pipes[0], "r");
  if (said == NULL || fscanf(said, "%d", &port) != 1) fail("the server did not say its port");
}

/* Its memory, without what files share. */
static double server_bytes(void) {
  char path[64], line[256];
  double bytes = 0, kib;
  snprintf(path, sizeof path, "/proc/%d/status", (int)server);
  FILE *status = fopen(path, "r");
  if (status == NULL) fail(path);
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "RssAnon: %lf", &kib) == 1) bytes = kib * 1024;
  fclose(status);
  return bytes;
}

/* What of the processor it has used, once it has ended. */
static double server_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- connections ---- */

/* How many bytes went, 0: none now. */
static size_t put(Connection *c, const char *bytes, size_t count) {
  size_t sent = 0;
  if (c->ssl != NULL) {
    if (SSL_write_ex(c->ssl, bytes, count, &sent) != 1 && SSL_get_error(c->ssl, 0) != SSL_ERROR_WANT_WRITE)
      fail("SSL_write");
    return sent;
  }
  ssize_t n = write(c->fd, bytes, count);
  if (n < 0 && errno != EAGAIN) fail("write");
  return n < 0 ? 0 : (size_t)n;
}

static size_t get(Connection *c, char *into, size_t room) {
  size_t count = 0;
  if (c->ssl != NULL) {
    if (SSL_read_ex(c->ssl, into, room, &count) != 1 && SSL_get_error(c->ssl, 0) != SSL_ERROR_WANT_READ)
      fail("SSL_read");
    return count;
  }
  ssize_t n = read(c->fd, into, room);
  if (n == 0) errno = ECONNRESET;
  if (n == 0 || (n < 0 && errno != EAGAIN)) fail("read");
  return n < 0 ? 0 : (size_t)n;
}

static void watch(Connection *c, int operation, int writable) {
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c};
  if (epoll_ctl(poller, operation, c->fd, &event) != 0) fail("epoll_ctl");
}

static void send_rest(Connection *c) {
  size_t before = c->sent, count = 1;
  while (c->sent < size && count > 0) c->sent += count = put(c, message + c->sent, size - c->sent);
  if (c->sent < size || before > 0) watch(c, EPOLL_CTL_MOD, c->sent < size);
}

static void begin(Connection *c) {
  to_start--;
  c->sent = c->received = 0;
  send_rest(c);
}

static void on_event(Connection *c, unsigned events) {
  if (events & EPOLLOUT) send_rest(c);
  if (!(events & EPOLLIN)) return;
  size_t count;
  while (c->received < size && (count = get(c, echo, size - c->received)) > 0) c->received += count;
  if (c->received < size) return;
  done++;
  if (to_start > 0) begin(c);
}

static void open_tls(Connection *c) {
  c->ssl = SSL_new(context);
  if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1) fail("SSL_connect");
}

static void open_connection(Connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) fail("socket");
  while (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
    if (errno != EINTR && errno != EAGAIN) fail("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (context != NULL) open_tls(c);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  watch(c, EPOLL_CTL_ADD, 0);
}

static void run(Connection *connections, long count, long messages) {
  struct epoll_event events[256];
  to_start = messages;
  done = 0;
  for (long i = 0; i < count && to_start > 0; i++) begin(&connections[i]);
  while (done < messages) {
    int n = epoll_wait(poller, events, 256, 20000);
    if (n <= 0) fail("nothing comes");
    for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void raise_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* What the first connections cost belongs to the server. */
static void warm_up(void) {
  Connection warm[64] = {{0}};
  for (int i = 0; i < 64; i++) open_connection(&warm[i]);
  run(warm, 64, 64);
  for (int i = 0; i < 64; i++) close(warm[i].fd);
  usleep(SETTLING);
}

static double measure(Connection *connections, long count, long messages) {
  double started = now();
  run(connections, count, messages);
  return now() - started;
}

/* How long the busy one takes alone. */
static double measure_alone(Connection *busy, long messages) {
  open_connection(busy);
  run(busy, 1, messages / 10 + 1);
  return measure(busy, 1, messages);
}

static void prepare(int is_tls) {
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) fail("sched_getaffinity");
  pin(0);
  message = calloc(1, size);
  echo = malloc(size);
  poller = epoll_create1(0);
  if (!is_tls) return;
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  int is_idle = strcmp(argv[1], "idle") == 0, is_busy = strcmp(argv[1], "busy") == 0;
  long count = atol(argv[2]), messages = atol(argv[4]);
  double alone = 0, seconds = 0, before = 0;
  size = (size_t)atol(argv[3]);
  prepare(strcmp(argv[1], "tls") == 0);
  Connection *connections = calloc((size_t)count, sizeof *connections), busy = {0};
  start_server(argv + 5, is_busy ? 0 : 1);
  if (is_busy) alone = measure_alone(&busy, messages);
  if (is_idle) warm_up();
  if (is_idle) before = server_bytes();
  for (long i = 0; i < count; i++) open_connection(&connections[i]);
  run(connections, count, is_idle || is_busy ? count : count * 20);
  if (is_busy)
    seconds = measure(&busy, 1, messages);
  else if (!is_idle)
    seconds = measure(connections, count, messages);
  if (is_idle) usleep(SETTLING);
  double bytes = server_bytes() - before;
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  printf("seconds=%.9f bytes=%.0f cpu=%.3f alone=%.9f\n", seconds, bytes, server_seconds(), alone);
  return 0;
}
