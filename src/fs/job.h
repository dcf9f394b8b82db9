/* SPDX-License-Identifier: MIT */
/*
** A piece of work for libuv's threads: what would make the loop wait for a disk.
**
** Whoever makes one has it until it is submitted, then libuv has it until `done` is called, on the loop. Who does not
** want it any more withdraws it: if no thread has begun, it is not run at all; one that runs sees that it is abandoned,
** and ends as soon as it can.
*/
#ifndef SR_FS_JOB_H
#define SR_FS_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

typedef struct SrFsJob SrFsJob;
struct SrFsJob {
  uv_work_t work;
  void (*run)(SrFsJob *job);                   /* in a thread: no Lua, no loop */
  void (*done)(SrFsJob *job, uv_loop_t *loop); /* on the loop: it is nobody's but the callee's */
  bool was_run;                                /* false in `done`: it was withdrawn before it began */
  atomic_bool is_abandoned;
};

/* 0 or a status: then it stays the caller's. */
int sr_fs_submit(uv_loop_t *loop, SrFsJob *job);
/* Nobody waits for it any more. `done` is still called. */
void sr_fs_withdraw(SrFsJob *job);
/* In a thread: whether there is no sense in going on. */
bool sr_fs_is_abandoned(SrFsJob *job);

#endif
