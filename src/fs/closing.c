/* SPDX-License-Identifier: MIT */
/* Descriptors that nobody waits for, see closing.h. */
#include "fs/closing.h"

#include <stdlib.h>

#include "fs/system.h"

typedef struct Closing {
  SrFsJob job;
  uv_file fd;
  char *doomed; /* NULL: nothing is to be removed */
} Closing;

static void close_now(uv_file fd, char *doomed) {
  sr_fs_close(fd);
  if (doomed != NULL) sr_fs_unlink(doomed);
  free(doomed);
}

static void run_closing(SrFsJob *job) {
  close_now(((Closing *)job)->fd, ((Closing *)job)->doomed);
}

static void on_closing_done(SrFsJob *job, uv_loop_t *loop) {
  (void)loop;
  free(job);
}

/* Without memory for that the loop does have to wait. */
void sr_fs_close_later(uv_loop_t *loop, uv_file fd, char *doomed) {
  Closing *closing = (Closing *)calloc(1, sizeof *closing);
  if (closing != NULL) {
    *closing = (Closing){.job = {.run = run_closing, .done = on_closing_done}, .fd = fd, .doomed = doomed};
    if (sr_fs_submit(loop, &closing->job) == 0) return;
  }
  free(closing);
  close_now(fd, doomed);
}
