/* SPDX-License-Identifier: MIT */
/* Jobs and the threads that do them, see pool.h. */
#include "thread/pool.h"

#include <stdlib.h>

#include "base/nudge.h"
#include "base/platform.h"

struct SrThreadPool {
  uv_mutex_t mutex;
  uv_cond_t wanted; /* there is a job, or the end */
  int owners;       /* its user, threads, jobs */
  int size;         /* so many threads */
  int threads;      /* that count */
  int idle;         /* of those, that wait for a job */
  int waiting;      /* jobs in line */
  bool is_closed;

  SrThreadJob *first, *last; /* the line */
  SrThreadJob *ended, *last_ended;
  void (*on_ended)(void *arg);
  void *arg;
};

/* It lives on the stack of its thread. */
struct SrThreadWorker {
  SrThreadPool *pool;
  SrThreadState state;
  SrNudge *nudge; /* NULL: it cannot be interrupted */
  bool is_left;   /* its job was dropped: it does not count */
};

/* --- owners ---------------------------------------------------------------------- */

static void lock(SrThreadPool *pool) {
  uv_mutex_lock(&pool->mutex);
}

static void unlock(SrThreadPool *pool) {
  uv_mutex_unlock(&pool->mutex);
}

/* The lock is held, and given up. */
static void release_locked(SrThreadPool *pool) {
  bool is_last = --pool->owners == 0;
  unlock(pool);
  if (!is_last) return;
  uv_cond_destroy(&pool->wanted);
  uv_mutex_destroy(&pool->mutex);
  free(pool);
}

SrThreadPool *sr_thread_pool_new(int size) {
  SrThreadPool *pool = (SrThreadPool *)calloc(1, sizeof *pool);
  if (pool == NULL) return NULL;
  if (uv_mutex_init(&pool->mutex) != 0) return free(pool), NULL;
  if (uv_cond_init(&pool->wanted) != 0) {
    uv_mutex_destroy(&pool->mutex);
    return free(pool), NULL;
  }
  pool->size = size;
  pool->owners = 1;
  return pool;
}

SrThreadShared *sr_thread_shared_new(void) {
  SrThreadShared *shared = (SrThreadShared *)calloc(1, sizeof *shared);
  if (shared == NULL) return NULL;
  if (uv_mutex_init(&shared->mutex) != 0) return free(shared), NULL;
  shared->owners = 1;
  return shared;
}

void sr_thread_shared_release(SrThreadShared *shared) {
  uv_mutex_lock(&shared->mutex);
  bool is_last = --shared->owners == 0;
  uv_mutex_unlock(&shared->mutex);
  if (!is_last) return;
  uv_mutex_destroy(&shared->mutex);
  sr_thread_message_free(&shared->function.message);
  free(shared);
}

SrThreadJob *sr_thread_job_new(SrThreadPool *pool, SrThreadShared *shared) {
  SrThreadJob *job = (SrThreadJob *)calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->pool = pool;
  job->owners = 1;
  job->stage = SR_THREAD_ENDED;
  lock(pool);
  pool->owners++;
  unlock(pool);
  if (shared == NULL) return job;
  uv_mutex_lock(&shared->mutex);
  shared->owners++;
  uv_mutex_unlock(&shared->mutex);
  job->shared = shared;
  job->task.function = &shared->function;
  return job;
}

void sr_thread_job_release(SrThreadJob *job) {
  SrThreadPool *pool = job->pool;
  lock(pool);
  bool is_last = --job->owners == 0;
  if (!is_last) {
    unlock(pool);
    return;
  }
  unlock(pool);
  if (job->shared != NULL) sr_thread_shared_release(job->shared);
  sr_buffer_free(&job->task.paths);
  sr_thread_message_free(&job->task.call);
  sr_thread_message_free(&job->task.answer);
  free(job);
  lock(pool);
  release_locked(pool);
}

/* --- the line, under the lock ------------------------------------------------------- */

static void append(SrThreadJob **first, SrThreadJob **last, SrThreadJob *job) {
  job->next = NULL;
  job->prev = *last;
  if (*last != NULL)
    (*last)->next = job;
  else
    *first = job;
  *last = job;
}

static void leave_line(SrThreadPool *pool, SrThreadJob *job) {
  if (job->next != NULL)
    job->next->prev = job->prev;
  else
    pool->last = job->prev;
  if (job->prev != NULL)
    job->prev->next = job->next;
  else
    pool->first = job->next;
  job->next = job->prev = NULL;
  pool->waiting--;
}

/* --- in a thread ---------------------------------------------------------------------- */

static void on_nudge(void *arg) {
  sr_thread_state_interrupt((SrThreadState *)arg);
}

/* Under the lock: the next job, which is waited for. NULL: the thread is to end. */
static SrThreadJob *next_job(SrThreadPool *pool, SrThreadWorker *worker) {
  while (pool->first == NULL && !pool->is_closed) {
    pool->idle++;
    uv_cond_wait(&pool->wanted, &pool->mutex);
    pool->idle--;
  }
  SrThreadJob *job = pool->first;
  if (job == NULL) return NULL;
  leave_line(pool, job);
  job->stage = SR_THREAD_RUNNING;
  job->worker = worker;
  return job;
}

/* Under the lock: hands the job over to who waits for it. False: nobody does, and the thread does not count. */
static bool end_job(SrThreadPool *pool, SrThreadJob *job) {
  job->worker = NULL;
  if (job->stage == SR_THREAD_DROPPED) return false;
  job->stage = SR_THREAD_ENDED;
  append(&pool->ended, &pool->last_ended, job);
  if (pool->on_ended != NULL) pool->on_ended(pool->arg);
  return true;
}

/* Under the lock, before a job: what was meant for the last one reaches it no more. */
static void forget_nudges(SrThreadWorker *worker) {
  if (worker->nudge != NULL) sr_nudge_end(worker->nudge);
  sr_thread_state_begin(&worker->state);
}

/* Under the lock, which is given up meanwhile. False: there is no room for the thread any more. */
static bool do_job(SrThreadPool *pool, SrThreadWorker *worker, SrThreadJob *job) {
  forget_nudges(worker);
  unlock(pool);
  sr_thread_state_run(&worker->state, &job->task);
  lock(pool);
  bool is_wanted = end_job(pool, job);
  if (worker->nudge != NULL) sr_nudge_end(worker->nudge);
  bool is_idle = pool->first == NULL;
  unlock(pool);
  if (!is_wanted) sr_thread_job_release(job);
  if (is_idle) sr_thread_state_rest(&worker->state);
  lock(pool);
  if (!worker->is_left) return true;
  if (pool->threads >= pool->size || pool->is_closed) return false;
  worker->is_left = false;
  pool->threads++;
  return true;
}

static void work(void *arg) {
  SrThreadPool *pool = (SrThreadPool *)arg;
  SrThreadWorker worker = {.pool = pool};
  SrThreadJob *job;
  worker.nudge = sr_nudge_new(on_nudge, &worker.state);
  lock(pool);
  while ((job = next_job(pool, &worker)) != NULL)
    if (!do_job(pool, &worker, job)) break;
  if (!worker.is_left) pool->threads--;
  unlock(pool);
  if (worker.nudge != NULL) sr_nudge_free(worker.nudge);
  sr_thread_state_close(&worker.state);
  lock(pool);
  release_locked(pool);
}

/* --- on the loop ------------------------------------------------------------------------ */

/* Under the lock: another thread, if there is a job without one and room. 0 or a status. */
static int staff(SrThreadPool *pool) {
  if (pool->waiting <= pool->idle || pool->threads >= pool->size) return 0;
  if (!sr_thread_start(work, pool)) return pool->threads > 0 ? 0 : UV_ENOMEM;
  pool->threads++;
  pool->owners++;
  return 0;
}

int sr_thread_pool_submit(SrThreadPool *pool, SrThreadJob *job) {
  lock(pool);
  append(&pool->first, &pool->last, job);
  pool->waiting++;
  job->stage = SR_THREAD_WAITING;
  job->owners++;
  int status = staff(pool);
  if (status != 0) {
    leave_line(pool, job);
    job->stage = SR_THREAD_ENDED;
    job->owners--;
  } else
    uv_cond_signal(&pool->wanted);
  unlock(pool);
  return status;
}

/* Under the lock: its thread is left to itself. */
static void leave_worker(SrThreadPool *pool, SrThreadJob *job) {
  SrThreadWorker *worker = job->worker;
  if (worker->nudge != NULL) sr_nudge_send(worker->nudge);
  if (worker->is_left) return;
  worker->is_left = true;
  pool->threads--;
  staff(pool);
}

void sr_thread_pool_drop(SrThreadPool *pool, SrThreadJob *job) {
  lock(pool);
  SrThreadStage stage = job->stage;
  if (stage == SR_THREAD_WAITING || stage == SR_THREAD_RUNNING) job->stage = SR_THREAD_DROPPED;
  if (stage == SR_THREAD_WAITING)
    leave_line(pool, job);
  else if (stage == SR_THREAD_RUNNING)
    leave_worker(pool, job);
  unlock(pool);
  if (stage == SR_THREAD_WAITING) sr_thread_job_release(job);
}

SrThreadJob *sr_thread_pool_take_ended(SrThreadPool *pool) {
  lock(pool);
  SrThreadJob *first = pool->ended;
  pool->ended = pool->last_ended = NULL;
  unlock(pool);
  return first;
}

void sr_thread_pool_watch(SrThreadPool *pool, void (*on_ended)(void *arg), void *arg) {
  lock(pool);
  pool->on_ended = on_ended;
  pool->arg = arg;
  unlock(pool);
}

void sr_thread_pool_close(SrThreadPool *pool) {
  lock(pool);
  pool->is_closed = true;
  uv_cond_broadcast(&pool->wanted);
  unlock(pool);
}

void sr_thread_pool_end(SrThreadPool *pool) {
  SrThreadJob *job, *next;
  lock(pool);
  pool->is_closed = true;
  pool->on_ended = NULL;
  while ((job = pool->first) != NULL) {
    leave_line(pool, job);
    job->stage = SR_THREAD_DROPPED;
    append(&pool->ended, &pool->last_ended, job);
  }
  job = pool->ended;
  pool->ended = pool->last_ended = NULL;
  uv_cond_broadcast(&pool->wanted);
  unlock(pool);
  for (; job != NULL; job = next) {
    next = job->next;
    sr_thread_job_release(job);
  }
  lock(pool);
  release_locked(pool);
}
