/* SPDX-License-Identifier: MIT */
/* Child processes on libuv alone: floor short|cat COUNT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { AT_ONCE = 8 };

typedef struct Job {
  uv_process_t process;
  uv_pipe_t input, outputs[2];
  uv_write_t write;
  int open; /* handles */
} Job;

static uv_loop_t *loop;
static int left, running;
static char *data;
static size_t size, got;

static void start_some(void);

static void on_closed(uv_handle_t *handle) {
  Job *job = (Job *)handle->data;
  if (--job->open > 0) return;
  free(job);
  running--;
  start_some();
}

static void on_exited(uv_process_t *process, int64_t code, int signal) {
  if (code != 0 || signal != 0) abort();
  uv_close((uv_handle_t *)process, on_closed);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
  static char bytes[65536];
  (void)suggested, (void)handle;
  *room = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room) {
  (void)room;
  if (count < 0)
    uv_close((uv_handle_t *)stream, on_closed);
  else
    got += (size_t)count;
}

static void on_written(uv_write_t *request, int status) {
  if (status != 0) abort();
  uv_close((uv_handle_t *)request->handle, on_closed);
}

static void add_pipe(Job *job, uv_pipe_t *pipe, uv_stdio_container_t *stdio, int flags) {
  uv_pipe_init(loop, pipe, 0);
  pipe->data = job;
  job->open++;
  stdio->flags = (uv_stdio_flags)(UV_CREATE_PIPE | flags);
  stdio->data.stream = (uv_stream_t *)pipe;
}

static void start(const char *program) {
  Job *job = (Job *)calloc(1, sizeof *job);
  char *arguments[] = {strdup(program), NULL};
  uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
  uv_process_options_t options = {
      .file = program, .args = arguments, .exit_cb = on_exited, .stdio = stdio, .stdio_count = 3};
  if (job == NULL) abort();
  job->open = 1;
  job->process.data = job;
  if (data != NULL) add_pipe(job, &job->input, &stdio[0], UV_READABLE_PIPE);
  for (int i = 0; i < 2; i++) add_pipe(job, &job->outputs[i], &stdio[i + 1], UV_WRITABLE_PIPE);
  if (uv_spawn(loop, &job->process, &options) != 0) abort();
  free(arguments[0]);
  for (int i = 0; i < 2; i++) uv_read_start((uv_stream_t *)&job->outputs[i], on_room, on_read);
  if (data == NULL) return;
  uv_buf_t buf = uv_buf_init(data, (unsigned)size);
  uv_write(&job->write, (uv_stream_t *)&job->input, &buf, 1, on_written);
}

static void start_some(void) {
  for (; running < AT_ONCE && left > 0; running++, left--) start(data == NULL ? "/bin/true" : "/bin/cat");
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  loop = uv_default_loop();
  left = atoi(arguments[2]);
  if (strcmp(arguments[1], "cat") == 0) {
    size = (size_t)left << 20;
    data = (char *)malloc(size);
    if (data == NULL) return 1;
    memset(data, 'x', size);
    left = 1;
  }
  uint64_t begin = uv_hrtime();
  start_some();
  uv_run(loop, UV_RUN_DEFAULT);
  if (got != size) return 1;
  printf("seconds=%.6f bytes=0\n", (double)(uv_hrtime() - begin) / 1e9);
  return 0;
}
