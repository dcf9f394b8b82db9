/* SPDX-License-Identifier: MIT */
/* Ctrl-C. See interrupt.h. */
#include "runtime/interrupt.h"

#include "runtime/error.h"

/* Instructions that other tasks than main may still run, and main if it has just been woken: most wait long before. */
enum { GRACE = 10000000 };

/* Signals are the process's, so is this. */
static SrRuntime *volatile owner;             /* the run that has SIGINT, or NULL */
static volatile sig_atomic_t was_interrupted; /* the first Ctrl-C of this run has come */

/* --- the handler ------------------------------------------------------------ */

/* Runs in Lua code that did not wait since Ctrl-C. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  SrRuntime *rt = owner;
  if (rt == NULL || !rt->interrupt || rt->current == NULL) return;
  if (rt->current == rt->main_task) {
    if (!sr_is_interrupted(rt->current)) return; /* shielded */
    rt->interrupt = 0;
  } else
    sr_interrupt_main(rt); /* which then has its one InterruptError, whatever becomes of this task */
  sr_push_error(L, "InterruptError", "EINTR", "interrupted");
  lua_error(L);
}

static void restore(void);

static void on_sigint(int number) {
  SrRuntime *rt = owner;
  if (rt == NULL) return;
  if (was_interrupted) {
    restore();
    raise(number);
    return;
  }
  was_interrupted = 1;
  rt->interrupt = 1;
  SrTask *t = rt->current;
  if (t != NULL && t->co != NULL) {
    int mask = t == rt->main_task ? LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT : LUA_MASKCOUNT;
    lua_sethook(t->co, on_hook, mask, t == rt->main_task ? 1 : GRACE);
  }
  uv_async_send(&rt->poller->signal);
}

void sr_interrupt_hook(lua_State *co) {
  if (lua_gethook(co) == NULL) lua_sethook(co, on_hook, LUA_MASKCOUNT, GRACE);
}

void sr_interrupt_unhook(lua_State *co) {
  if (lua_gethook(co) == on_hook) lua_sethook(co, NULL, 0, 0);
}

/* --- taking and giving back ------------------------------------------------- */

#ifdef _WIN32

static void (*former)(int);

static void install(void) {
  former = signal(SIGINT, on_sigint);
}

static void give_back(void) {
  signal(SIGINT, former);
}

static void restore(void) {
  signal(SIGINT, SIG_DFL);
}

#else

static struct sigaction former;

static void install(void) {
  struct sigaction action = {0};
  action.sa_handler = on_sigint;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &former);
}

static void give_back(void) {
  sigaction(SIGINT, &former, NULL);
}

/* The second Ctrl-C must not wait until the handler has returned. */
static void restore(void) {
  sigset_t set;
  signal(SIGINT, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

#endif

void sr_interrupt_take(SrRuntime *rt) {
  if (owner != NULL) return;
  rt->interrupt = 0;
  was_interrupted = 0;
  owner = rt;
  install();
}

void sr_interrupt_give_back(SrRuntime *rt) {
  if (owner != rt) return;
  give_back();
  owner = NULL;
}
