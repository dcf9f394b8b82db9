/* SPDX-License-Identifier: MIT */
/* Work for libuv's threads, see job.h. */
#include "fs/job.h"

static void on_work(uv_work_t *work) {
  SrFsJob *job = (SrFsJob *)work->data;
  job->run(job);
}

static void on_worked(uv_work_t *work, int status) {
  SrFsJob *job = (SrFsJob *)work->data;
  job->was_run = status == 0;
  job->done(job, work->loop);
}

int sr_fs_submit(uv_loop_t *loop, SrFsJob *job) {
  job->work.data = job;
  return uv_queue_work(loop, &job->work, on_work, on_worked);
}

void sr_fs_withdraw(SrFsJob *job) {
  if (atomic_exchange(&job->is_abandoned, true)) return;
  uv_cancel((uv_req_t *)&job->work);
}

bool sr_fs_is_abandoned(SrFsJob *job) {
  return atomic_load(&job->is_abandoned);
}
