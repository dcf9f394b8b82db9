/* SPDX-License-Identifier: MIT */
/* Interrupting a thread, see nudge.h: one way for Windows, one for Unix. */
#include "base/nudge.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#ifdef _WIN32

#include <windows.h>

struct SrNudge {
  void (*call)(void *arg);
  void *arg;
  DWORD thread;
};

SrNudge *sr_nudge_new(void (*call)(void *arg), void *arg) {
  SrNudge *nudge = (SrNudge *)calloc(1, sizeof *nudge);
  if (nudge != NULL) *nudge = (SrNudge){.call = call, .arg = arg, .thread = GetCurrentThreadId()};
  return nudge;
}

void sr_nudge_free(SrNudge *nudge) {
  free(nudge);
}

/* The thread stands still meanwhile, which comes to the same as being called in it. */
void sr_nudge_send(SrNudge *nudge) {
  HANDLE thread = OpenThread(THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT, FALSE, nudge->thread);
  CONTEXT context = {.ContextFlags = CONTEXT_CONTROL};
  if (thread == NULL) return;
  if (SuspendThread(thread) != (DWORD)-1) {
    GetThreadContext(thread, &context); /* only after this it stands still for certain */
    nudge->call(nudge->arg);
    ResumeThread(thread);
  }
  CloseHandle(thread);
}

void sr_nudge_end(SrNudge *nudge) {
  (void)nudge;
}

#else

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct SrNudge {
  void (*call)(void *arg);
  void *arg;
  pthread_t thread;
  atomic_bool is_wanted; /* the signal that comes is for us */
  bool is_sent;          /* and has not ended: the handler is needed */
};

/* The handler of the process, and the key under which a thread has its nudge. */
static struct {
  uv_once_t once;
  uv_mutex_t mutex;
  uv_key_t key;
  int uses; /* nudges that were sent and have not ended */
  bool is_ours;
  struct sigaction former;
} handler = {.once = UV_ONCE_INIT};

static void open_handler(void) {
  uv_mutex_init(&handler.mutex);
  uv_key_create(&handler.key);
}

static void on_signal(int number) {
  (void)number;
  int former_errno = errno;
  SrNudge *nudge = (SrNudge *)uv_key_get(&handler.key);
  if (nudge != NULL && atomic_exchange(&nudge->is_wanted, false)) nudge->call(nudge->arg);
  errno = former_errno;
}

/* Unless the program has one of its own. */
static void install(void) {
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  sigfillset(&ours.sa_mask);
  handler.is_ours = sigaction(SIGURG, NULL, &handler.former) == 0 && (handler.former.sa_flags & SA_SIGINFO) == 0 &&
                    (handler.former.sa_handler == SIG_DFL || handler.former.sa_handler == SIG_IGN);
  if (handler.is_ours) sigaction(SIGURG, &ours, NULL);
}

SrNudge *sr_nudge_new(void (*call)(void *arg), void *arg) {
  SrNudge *nudge = (SrNudge *)calloc(1, sizeof *nudge);
  if (nudge == NULL) return NULL;
  uv_once(&handler.once, open_handler);
  nudge->call = call;
  nudge->arg = arg;
  nudge->thread = pthread_self();
  uv_key_set(&handler.key, nudge);
  return nudge;
}

void sr_nudge_free(SrNudge *nudge) {
  uv_key_set(&handler.key, NULL);
  sr_nudge_end(nudge);
  free(nudge);
}

void sr_nudge_send(SrNudge *nudge) {
  if (nudge->is_sent) return;
  uv_mutex_lock(&handler.mutex);
  if (handler.uses++ == 0) install();
  nudge->is_sent = true;
  atomic_store(&nudge->is_wanted, true);
  if (handler.is_ours) pthread_kill(nudge->thread, SIGURG);
  uv_mutex_unlock(&handler.mutex);
}

void sr_nudge_end(SrNudge *nudge) {
  atomic_store(&nudge->is_wanted, false);
  if (!nudge->is_sent) return;
  uv_mutex_lock(&handler.mutex);
  nudge->is_sent = false;
  if (--handler.uses == 0 && handler.is_ours) sigaction(SIGURG, &handler.former, NULL);
  uv_mutex_unlock(&handler.mutex);
}

#endif
