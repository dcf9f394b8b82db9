/* SPDX-License-Identifier: MIT */
/*
** A pool: a line of jobs, and the threads that do them, in order.
**
** The loop's side and the threads meet here under one lock. A job has two owners, the task that waits for it and the
** line or the thread that has it; the last to let go frees it. A thread whose job was dropped while it ran does not
** count any more: another one may take its place, and it ends when the job does, if there is no room for it by then.
*/
#ifndef SR_THREAD_POOL_H
#define SR_THREAD_POOL_H

#include "saros.h"
#include "thread/state.h"

typedef struct SrThreadPool SrThreadPool;
typedef struct SrThreadWorker SrThreadWorker;

/* A function with those who own it: jobs, and who makes them. */
typedef struct SrThreadShared {
  SrThreadFunction function;
  uv_mutex_t mutex;
  int owners;
} SrThreadShared;

/* One that is owned by the caller. NULL: no memory. */
SrThreadShared *sr_thread_shared_new(void);
void sr_thread_shared_release(SrThreadShared *shared);

typedef enum SrThreadStage {
  SR_THREAD_WAITING, /* in line */
  SR_THREAD_RUNNING,
  SR_THREAD_ENDED,  /* the answer is there */
  SR_THREAD_DROPPED /* nobody wants it */
} SrThreadStage;

typedef struct SrThreadJob {
  /* The loop's. */
  saros_wait wait;
  void *face; /* whose job it is, see face.h */
  SrThreadPool *pool;

  /* Under the lock. */
  struct SrThreadJob *next, *prev; /* in the line, or among those that have ended */
  SrThreadStage stage;
  SrThreadWorker *worker; /* that runs it */
  int owners;

  SrThreadTask task;      /* of whoever's turn it is */
  SrThreadShared *shared; /* task.function, with its owners */
} SrThreadJob;

/* NULL: no memory. */
SrThreadPool *sr_thread_pool_new(int size);
/* Jobs in line are dropped, threads end with the one they have. */
void sr_thread_pool_end(SrThreadPool *pool);
/* Threads end when nothing is in line. */
void sr_thread_pool_close(SrThreadPool *pool);

/* A job for that pool, owned by the caller; it shares that function, or NULL. NULL: no memory. */
SrThreadJob *sr_thread_job_new(SrThreadPool *pool, SrThreadShared *shared);
/* One owner lets go. */
void sr_thread_job_release(SrThreadJob *job);
/* Puts a job in line. 0; or a status: there is no thread, and none can be had. */
int sr_thread_pool_submit(SrThreadPool *pool, SrThreadJob *job);
/* Nobody waits for it any more: it leaves the line, or is interrupted. */
void sr_thread_pool_drop(SrThreadPool *pool, SrThreadJob *job);
/* Those that have ended since the last call, in order, owned by the caller. */
SrThreadJob *sr_thread_pool_take_ended(SrThreadPool *pool);

/* Has on_ended called by threads whenever a job has ended, under the lock; NULL: not any more. */
void sr_thread_pool_watch(SrThreadPool *pool, void (*on_ended)(void *arg), void *arg);

#endif
