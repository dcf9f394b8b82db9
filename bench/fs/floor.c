/* SPDX-License-Identifier: MIT */
/*
** The floor of files: each one opened, read (or written) and closed as one piece of work for libuv's threads.
**
**     floor WORKLOAD SIZE FOLDER        prints seconds=... bytes=...
*/
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum { AT_ONCE = 64, BYTES = 1024 };

typedef struct Work {
  uv_work_t request;
  char *bytes;
  char path[256];
} Work;

static const char *folder;
static long next = 1, size;
static bool writes;
static char data[BYTES];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_file(Work *work) {
  struct stat found;
  int fd = open(work->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &found) != 0) fail(work->path);
  work->bytes = malloc((size_t)found.st_size + 1);
  if (work->bytes == NULL || read(fd, work->bytes, (size_t)found.st_size + 1) != BYTES) fail(work->path);
  close(fd);
}

static void write_file(Work *work) {
  int fd = open(work->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, data, BYTES) != BYTES) fail(work->path);
  close(fd);
}

static void on_work(uv_work_t *request) {
  Work *work = request->data;
  if (writes)
    write_file(work);
  else
    read_file(work);
}

static void start(uv_loop_t *loop);

static void on_done(uv_work_t *request, int status) {
  Work *work = request->data;
  uv_loop_t *loop = request->loop;
  if (status != 0) exit(1);
  free(work->bytes);
  free(work);
  start(loop);
}

static void start(uv_loop_t *loop) {
  if (next > size) return;
  Work *work = calloc(1, sizeof *work);
  if (work == NULL) exit(1);
  snprintf(work->path, sizeof work->path, "%s/%ld", folder, next++);
  work->request.data = work;
  if (uv_queue_work(loop, &work->request, on_work, on_done) != 0) exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  writes = strcmp(argv[1], "write_files") == 0;
  size = atol(argv[2]);
  folder = argv[3];
  uv_loop_t *loop = uv_default_loop();
  double started = (double)uv_hrtime();
  for (int i = 0; i < AT_ONCE; i++) start(loop);
  uv_run(loop, UV_RUN_DEFAULT);
  printf("seconds=%.9f bytes=0\n", ((double)uv_hrtime() - started) / 1e9);
  return 0;
}
