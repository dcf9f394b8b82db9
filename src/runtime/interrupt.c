/* SPDX-License-Identifier: MIT */
/* Ctrl-C. See interrupt.h. */
#include "runtime/interrupt.h"

#include <errno.h>

#include "runtime/error.h"
#include "runtime/park.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>
#include <stdatomic.h>
#endif

/* After Ctrl-C other tasks than main, and main if it was just woken, may run so many instructions: most wait before. */
enum { GRACE = 10000000 };

/*
** Signals belong to the process, and so does this list of the runs that have SIGINT, each perhaps in a thread of its
** own. Only who holds the gate looks at the list, and at is_told and is_nudged of the runs. SIGINT does not interrupt a
** thread that holds the gate, so the handler may wait for it.
*/
static SrRuntime *owners;

/* --- telling main -------------------------------------------------------------- */

void sr_interrupt_main(SrRuntime *rt) {
  SrTask *main_task = rt->main_task;
  if (main_task == NULL || main_task->future.state != SR_PARKED || !sr_is_interrupted(main_task)) return;
  if (main_task->future.outcome != SR_WOKEN) return; /* it joins; its next await raises */
  rt->interrupt.is_pending = 0;
  sr_abort(main_task, SR_BY_INTERRUPT);
}

/* --- the hook --------------------------------------------------------------- */

/* Gives the coroutine the hook back that others may have, see sr_coroutine_hook. */
static void unhook(lua_State *co, lua_State *base) {
  lua_sethook(co, lua_gethook(base), lua_gethookmask(base), lua_gethookcount(base));
}

/* Runs in Lua code that did not wait since Ctrl-C. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  SrRuntime *rt = sr_find_runtime(L);
  if (rt->is_running)
    unhook(L, rt->base);
  else
    lua_sethook(L, NULL, 0, 0); /* a coroutine of the user's own that was made with the hook of a task */
  if (!rt->interrupt.is_pending || rt->current == NULL) return;
  if (rt->current == rt->main_task) {
    if (!sr_is_interrupted(rt->current)) return; /* shielded */
    rt->interrupt.is_pending = 0;
  } else
    sr_interrupt_main(rt); /* which then has its one InterruptError, whatever becomes of this task */
  sr_push_error(L, "InterruptError", "EINTR", "interrupted");
  lua_error(L);
}

void sr_interrupt_hook(lua_State *co) {
  if (lua_gethook(co) != on_hook) lua_sethook(co, on_hook, LUA_MASKCOUNT, GRACE);
}

void sr_interrupt_unhook(lua_State *co, lua_State *base) {
  if (lua_gethook(co) == on_hook) unhook(co, base);
}

/* --- the handler ------------------------------------------------------------ */

/* Ctrl-C has come to the thread in which this run is. */
static void receive(SrRuntime *rt) {
  rt->interrupt.is_pending = 1;
  SrTask *t = rt->current;
  if (t != NULL && t->co != NULL) {
    int mask = t == rt->main_task ? LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT : LUA_MASKCOUNT;
    lua_sethook(t->co, on_hook, mask, t == rt->main_task ? 1 : GRACE);
  }
  uv_async_send(&rt->loop.poller->signal);
}

void sr_interrupt_run(SrRuntime *rt) {
  rt->interrupt.is_pending = 1;
  if (rt->loop.poller != NULL) receive(rt);
}

#ifdef _WIN32

static volatile LONG gate;
static void (*former)(int);

static void pass_gate(void) {
  while (InterlockedExchange(&gate, 1) != 0) Sleep(0);
}

static void leave_gate(void) {
  InterlockedExchange(&gate, 0);
}

/* In a thread of its own. The default handler, which ends the process, is in place again when this is called. */
static void on_sigint(int number) {
  (void)number;
  pass_gate();
  for (SrRuntime *rt = owners; rt != NULL; rt = rt->interrupt.next_owner) receive(rt);
  leave_gate();
}

static void add(SrRuntime *rt) {
  pass_gate();
  if (owners == NULL) former = signal(SIGINT, on_sigint);
  rt->interrupt.next_owner = owners;
  owners = rt;
  leave_gate();
}

/* It is never told of a second one here. */
static void forget_first(SrRuntime *rt) {
  (void)rt;
  pass_gate();
  signal(SIGINT, on_sigint);
  leave_gate();
}

static void take_out(SrRuntime *rt) {
  SrRuntime **link = &owners;
  pass_gate();
  while (*link != rt) link = &(*link)->interrupt.next_owner;
  *link = rt->interrupt.next_owner;
  if (owners == NULL) signal(SIGINT, former);
  leave_gate();
}

#else

static atomic_flag gate = ATOMIC_FLAG_INIT;
static struct sigaction former;

/* SIGINT is blocked in this thread, be it as in its handler: who holds the gate goes on. */
static void pass_gate(void) {
  while (atomic_flag_test_and_set_explicit(&gate, memory_order_acquire)) {}
}

static void leave_gate(void) {
  atomic_flag_clear_explicit(&gate, memory_order_release);
}

static bool is_here(const SrRuntime *rt) {
  return pthread_equal(rt->interrupt.thread, pthread_self());
}

/* Whether this thread was sent the signal by the handler that ran in another one: then its runs receive it. */
static bool was_nudged(void) {
  bool any = false;
  for (SrRuntime *rt = owners; rt != NULL; rt = rt->interrupt.next_owner) {
    if (!rt->interrupt.is_nudged || !is_here(rt)) continue;
    rt->interrupt.is_nudged = false;
    any = true;
    receive(rt);
  }
  return any;
}

/* Sends the signal on to the thread of a run, once however many runs are in it. */
static void nudge(SrRuntime *run) {
  bool is_sent = false;
  for (SrRuntime *rt = owners; rt != NULL; rt = rt->interrupt.next_owner)
    is_sent = is_sent || (rt->interrupt.is_nudged && pthread_equal(rt->interrupt.thread, run->interrupt.thread));
  run->interrupt.is_nudged = true;
  if (!is_sent) pthread_kill(run->interrupt.thread, SIGINT);
}

/* Tells every run; false: one of them has been told before, so this is the second Ctrl-C. */
static bool tell_all(void) {
  for (const SrRuntime *rt = owners; rt != NULL; rt = rt->interrupt.next_owner)
    if (rt->interrupt.is_told) return false;
  for (SrRuntime *rt = owners; rt != NULL; rt = rt->interrupt.next_owner) {
    rt->interrupt.is_told = true;
    if (is_here(rt))
      receive(rt);
    else
      nudge(rt);
  }
  return true;
}

/* Must not wait until the handler has returned. */
static void end_process(int number) {
  sigset_t set;
  signal(number, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  raise(number);
}

static void on_sigint(int number) {
  int former_errno = errno;
  pass_gate();
  bool is_first = was_nudged() || tell_all();
  leave_gate();
  if (!is_first) end_process(number);
  errno = former_errno;
}

static void install(void) {
  struct sigaction action = {0};
  action.sa_handler = on_sigint;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &former);
}

/* Blocks SIGINT in this thread, then passes the gate. */
static void begin_change(sigset_t *mask) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, mask);
  pass_gate();
}

static void end_change(const sigset_t *mask) {
  leave_gate();
  pthread_sigmask(SIG_SETMASK, mask, NULL);
}

/* The signal that was sent on to this thread but has not come yet must not find its run gone. */
static void take_pending(void) {
  sigset_t set;
  int number;
  if (!was_nudged() || sigpending(&set) != 0 || !sigismember(&set, SIGINT)) return;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigwait(&set, &number);
}

static void add(SrRuntime *rt) {
  sigset_t mask;
  begin_change(&mask);
  rt->interrupt.thread = pthread_self();
  rt->interrupt.is_told = rt->interrupt.is_nudged = false;
  if (owners == NULL) install();
  rt->interrupt.next_owner = owners;
  owners = rt;
  end_change(&mask);
}

static void forget_first(SrRuntime *rt) {
  sigset_t mask;
  begin_change(&mask);
  rt->interrupt.is_told = false;
  end_change(&mask);
}

static void take_out(SrRuntime *rt) {
  SrRuntime **link = &owners;
  sigset_t mask;
  begin_change(&mask);
  take_pending();
  while (*link != rt) link = &(*link)->interrupt.next_owner;
  *link = rt->interrupt.next_owner;
  if (owners == NULL) sigaction(SIGINT, &former, NULL);
  end_change(&mask);
}

#endif

void sr_interrupt_take(SrRuntime *rt) {
  if (rt->interrupt.is_left) return; /* who has interrupted the run before means this one, too */
  rt->interrupt.is_pending = 0;
  rt->interrupt.is_taken = true;
  add(rt);
}

void sr_interrupt_give_back(SrRuntime *rt) {
  if (!rt->interrupt.is_taken) return;
  take_out(rt);
  rt->interrupt.is_taken = false;
}

int sr_l_interrupt_again(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  if (rt->interrupt.is_taken) forget_first(rt);
  return 0;
}
