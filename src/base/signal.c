/* SPDX-License-Identifier: MIT */
/* Signals, see signal.h. */
#include "base/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

typedef struct Name {
  const char *text; /* without "SIG" */
  int number;
} Name;

/* Of several names for one number the first is its own. */
static const Name names[] = {
    {"INT", SIGINT},       {"TERM", SIGTERM}, {"HUP", SIGHUP},       {"KILL", SIGKILL},   {"ABRT", SIGABRT},
    {"SEGV", SIGSEGV},     {"FPE", SIGFPE},   {"ILL", SIGILL},       {"WINCH", SIGWINCH},
#ifdef SIGQUIT
    {"QUIT", SIGQUIT},
#endif
#ifdef SIGBREAK
    {"BREAK", SIGBREAK},
#endif
#ifndef _WIN32
    {"USR1", SIGUSR1},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},     {"ALRM", SIGALRM},   {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},     {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},   {"TTOU", SIGTTOU},
    {"BUS", SIGBUS},       {"TRAP", SIGTRAP}, {"SYS", SIGSYS},       {"URG", SIGURG},     {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},     {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM},
#endif
#ifdef SIGIO
    {"IO", SIGIO},
#endif
#ifdef SIGPOLL
    {"POLL", SIGPOLL},
#endif
#ifdef SIGPWR
    {"PWR", SIGPWR},
#endif
#ifdef SIGSTKFLT
    {"STKFLT", SIGSTKFLT},
#endif
#ifdef SIGINFO
    {"INFO", SIGINFO},
#endif
#ifdef SIGEMT
    {"EMT", SIGEMT},
#endif
};

enum { NAMES = sizeof names / sizeof names[0] };

int sr_signal_number(const char *name) {
  if (strncmp(name, "SIG", 3) == 0) name += 3;
  for (int i = 0; i < NAMES; i++)
    if (strcmp(names[i].text, name) == 0) return names[i].number;
  return 0;
}

const char *sr_signal_name(int number, char name[SR_SIGNAL_NAME]) {
  for (int i = 0; i < NAMES; i++)
    if (names[i].number == number) return snprintf(name, SR_SIGNAL_NAME, "SIG%s", names[i].text), name;
  snprintf(name, SR_SIGNAL_NAME, "SIG%d", number);
  return name;
}

#ifdef _WIN32

/* --- Windows --------------------------------------------------------------- */

bool sr_signal_can_be_heard(int number) {
  return number == SIGINT || number == SIGBREAK || number == SIGHUP || number == SIGWINCH;
}

/* libuv keeps no others from hearing of them. */
void sr_signal_take(int number) {
  (void)number;
}

void sr_signal_put_back(int number) {
  (void)number;
}

static struct {
  int number; /* 0: nobody watches */
  void (*call)(bool is_here);
  void (*former)(int);
} watch;

/* In a thread of its own; the default handler is in place again when this is called. */
static void on_watched(int number) {
  signal(number, on_watched);
  watch.call(false);
}

bool sr_signal_watch(int number, void (*call)(bool is_here)) {
  if (watch.number != 0) return false;
  watch.number = number;
  watch.call = call;
  watch.former = signal(number, on_watched);
  return true;
}

void sr_signal_unwatch(void) {
  signal(watch.number, watch.former);
  watch.number = 0;
}

/* Nobody has to reap there. */
bool sr_child_reap(int pid, bool waits, int *code, int *signal) {
  (void)pid, (void)waits, (void)code, (void)signal;
  return true;
}

#else

/* --- Unix ------------------------------------------------------------------ */

#include <pthread.h>
#include <sys/wait.h>

bool sr_signal_can_be_heard(int number) {
  switch (number) {
  case SIGKILL:
  case SIGSTOP:
  case SIGSEGV:
  case SIGBUS:
  case SIGFPE:
  case SIGILL: return false;
  default: return true;
  }
}

enum { MOST_SIGNALS = 128 };

/* Signals belong to the process, so this does. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct Former {
  unsigned takers;
  struct sigaction action;
} formers[MOST_SIGNALS];

void sr_signal_take(int number) {
  if (number >= MOST_SIGNALS) return;
  pthread_mutex_lock(&lock);
  if (formers[number].takers++ == 0) sigaction(number, NULL, &formers[number].action);
  pthread_mutex_unlock(&lock);
}

void sr_signal_put_back(int number) {
  if (number >= MOST_SIGNALS) return;
  pthread_mutex_lock(&lock);
  if (--formers[number].takers == 0) sigaction(number, &formers[number].action, NULL);
  pthread_mutex_unlock(&lock);
}

static struct {
  int number; /* 0: nobody watches */
  void (*call)(bool is_here);
  pthread_t thread;
  struct sigaction former;
} watch;

/* The signal may come to any thread of the process: it is sent on to the one that is to have it. */
static void on_watched(int number) {
  int former_errno = errno;
  if (pthread_equal(watch.thread, pthread_self()))
    watch.call(true);
  else
    pthread_kill(watch.thread, number);
  errno = former_errno;
}

bool sr_signal_watch(int number, void (*call)(bool is_here)) {
  struct sigaction action;
  if (watch.number != 0) return false;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_watched;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  watch.number = number;
  watch.call = call;
  watch.thread = pthread_self();
  sigaction(number, &action, &watch.former);
  return true;
}

/* Somebody else may have put another handler in the place of ours, which then stays. */
void sr_signal_unwatch(void) {
  struct sigaction present;
  sigaction(watch.number, NULL, &present);
  if (present.sa_handler == on_watched) sigaction(watch.number, &watch.former, NULL);
  watch.number = 0;
}

bool sr_child_reap(int pid, bool waits, int *code, int *signal) {
  int status = 0, result;
  do result = waitpid(pid, &status, waits ? 0 : WNOHANG);
  while (result < 0 && errno == EINTR);
  if (result == 0) return false;
  if (result < 0) return true; /* somebody else has reaped it */
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return true;
}

#endif
