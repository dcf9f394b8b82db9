/* SPDX-License-Identifier: MIT */
/* Waiting: check, park, wake, abort. See wait.h. */
#include "runtime/wait.h"

#include <math.h>
#include <stdarg.h>

#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/runtime.h"
#include "runtime/trace.h"

lua_Integer sr_count_waiting(const SrWaiter *first) {
  lua_Integer count = first != NULL;
  for (const SrWaiter *at = first; at != NULL && at->next != first; at = at->next) count++;
  return count;
}

int sr_describe(lua_State *L, const SrObject *object, const SrWaiter *first, const char *format, ...) {
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_pushfstring(L, "%s (%s, %I waiting)", object->cls->name, lua_tostring(L, -1),
                  (LUAI_UACINT)sr_count_waiting(first));
  return 1;
}

/* --- check ------------------------------------------------------------------ */

static const char *place_problem(lua_State *L, const SrRuntime *rt) {
  if (!rt->is_running) return "here: no loop is running (call it inside async.run)";
  if (sr_current_task(rt) == NULL) return "here: no task is running (this is a reporter or a finalizer)";
  if (rt->current->co != L) return "inside a coroutine of your own (spawn a task instead)";
  return "across a C function (table.sort, string.gsub, require, a finalizer, ...)";
}

int sr_place_error(lua_State *L, const SrRuntime *rt, const char *function) {
  sr_push_position(L);
  lua_pushfstring(L, "%s: cannot wait %s", function, place_problem(L, rt));
  lua_concat(L, 2);
  return lua_error(L);
}

static bool is_shielded(const SrTask *t) {
  for (const SrScope *scope = t->current; scope != &t->scope; scope = scope->parent)
    if (scope->kind == SR_SCOPE_SHIELD) return true;
  return false;
}

bool sr_is_interrupted(const SrTask *t) {
  return t->rt->interrupt && t == t->rt->main_task && !is_shielded(t);
}

/* --- park and wake ---------------------------------------------------------- */

static void begin_wait(SrTask *t, const SrKind *kind, SrState state) {
  t->waiter.kind = kind;
  t->future.state = (uint8_t)state;
  t->future.outcome = SR_WOKEN;
  t->budget = SR_BUDGET;
}

static int suspend(lua_State *L, SrTask *t, const SrKind *kind, SrState state, lua_KFunction k, lua_KContext ctx) {
  begin_wait(t, kind, state);
  return lua_yieldk(L, 0, ctx, k);
}

int sr_park_in(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx) {
  t->object = object;
  return suspend(L, t, kind, SR_PARKED, k, ctx);
}

int sr_park(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k) {
  return sr_park_in(L, t, kind, object, k, (lua_KContext)t);
}

static const SrKind turn_kind = {.name = "its turn"};

/* Goes to the end of the ready queue: every task that is ready now runs first. */
static int give_turn(lua_State *L, SrTask *t, lua_KFunction k, lua_KContext ctx) {
  sr_ready(t->rt, t);
  return suspend(L, t, &turn_kind, SR_READY, k, ctx);
}

static int k_return(lua_State *L, int status, lua_KContext count) {
  (void)L, (void)status;
  return (int)count;
}

int sr_return(lua_State *L, SrTask *t, int n) {
  return sr_is_spent(t) ? give_turn(L, t, k_return, n) : n;
}

int sr_turn(lua_State *L, SrTask *t, lua_KFunction k, lua_KContext ctx) {
  return give_turn(L, t, k, ctx);
}

void sr_wake(SrTask *t) {
  if (t->future.state != SR_PARKED) return; /* its coroutine was resumed by hand and the wait given up */
  t->future.state = SR_READY;
  sr_ready(t->rt, t);
}

void sr_abort(SrTask *t, SrOutcome outcome) {
  if (t->future.state != SR_PARKED) return;
  if (t->future.outcome != SR_WOKEN) return; /* aborted before; it is joining what it cancelled */
  t->future.outcome = (uint8_t)outcome;
  if (t->waiter.kind->abort(t)) sr_wake(t);
}

bool sr_abort_in_ring(SrTask *t) {
  SrWaiter **ring = (SrWaiter **)(void *)((char *)t->object + t->waiter.kind->ring);
  sr_ring_remove(ring, &t->waiter);
  return true;
}

/* --- coroutines of tasks in the hands of others ----------------------------- */

static const char STRAY[] = "the coroutine of a task was resumed by hand (only saros may do that)";

bool sr_end_stray_wait(SrTask *t) {
  if (t->future.state == SR_ENDED) return false;
  if (t->future.state == SR_PARKED) sr_give_up(t);
  if (t->future.state == SR_READY) sr_unready(t->rt, t);
  t->future.state = SR_RUNNING;
  t->waiter.kind = &turn_kind;
  return true;
}

/* Somebody got hold of the coroutine and resumed it: the wait is given up, and the task fails. */
int sr_refuse_stray(lua_State *L, SrTask *t) {
  sr_end_stray_wait(t);
  return luaL_error(L, STRAY);
}

/* --- raising ---------------------------------------------------------------- */

void sr_push_thrown(lua_State *L, SrTask *t) {
  int outcome = t->future.outcome;
  t->future.outcome = SR_WOKEN;
  switch (outcome) {
  case SR_BY_INTERRUPT: sr_push_error(L, "InterruptError", "EINTR", "interrupted"); break;
  case SR_BY_DEADLOCK:
    sr_anchor_get(L, &t->object);
    lua_pushnil(L);
    sr_anchor_set(L, &t->object);
    if (lua_isnil(L, -1)) sr_push_memory_error(L); /* there was none left to say so */
    if (sr_is_error(L, -1)) {                      /* made outside of all tasks */
      sr_push_here(L);
      lua_setfield(L, -2, "traceback");
    }
    break;
  default: sr_push_cancelled(L, t);
  }
}

int sr_throw(lua_State *L, SrTask *t) {
  sr_push_thrown(L, t);
  return lua_error(L);
}

void sr_throw_outer(lua_State *L, SrTask *t) {
  if (t->current->cause == NULL) return;
  sr_push_cancelled(L, t);
  lua_error(L);
}

/* The counter of raised cancellations stops here. */
enum { RAISED_LIMIT = 60000 };

int sr_throw_pending(lua_State *L, SrTask *t) {
  t->future.outcome = SR_BY_CANCEL;
  if (t->current->cause == NULL && sr_is_interrupted(t)) {
    t->future.outcome = SR_BY_INTERRUPT;
    t->rt->interrupt = 0;
    sr_interrupt_unhook(L, t->rt->base);
  } else if (t->raised < RAISED_LIMIT)
    t->raised++;
  return sr_throw(L, t);
}

static int k_raise(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return sr_throw_pending(L, (SrTask *)ctx);
}

int sr_raise(lua_State *L, SrTask *t) {
  sr_debug_raise(L, t);
  return give_turn(L, t, k_raise, (lua_KContext)t);
}

/* --- common continuations --------------------------------------------------- */

int sr_k_nothing(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return sr_was_woken(L, t) ? 0 : sr_throw(L, t);
}

int sr_k_value(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return sr_was_woken(L, t) ? 1 : sr_throw(L, t);
}

/* --- sleep ------------------------------------------------------------------ */

static bool abort_sleep(SrTask *t) {
  sr_clock_stop(&t->rt->clock, &t->waiter.timer);
  return true;
}

static const SrKind sleep_kind = {.name = "sleep", .abort = abort_sleep};

/* A sleep without end has no deadline, so nothing but cancellation ends it. */
static bool abort_forever(SrTask *t) {
  (void)t;
  return true;
}

static const SrKind forever_kind = {.name = "sleep without end", .abort = abort_forever};

SrTask *sr_sleeper(SrTimer *timer) {
  return SR_CONTAINER(timer, SrTask, waiter.timer);
}

int sr_l_sleep(lua_State *L) {
  double seconds = sr_check_seconds(L, "sleep", 1, 1);
  SrTask *t = sr_check_wait(L, "sleep");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (seconds == 0) return give_turn(L, t, sr_k_nothing, (lua_KContext)t);
  if (seconds == HUGE_VAL) return sr_park(L, t, &forever_kind, NULL, sr_k_nothing);
  t->waiter.timer.position = 0;
  if (!sr_clock_start(&t->rt->clock, &t->waiter.timer, seconds, true)) return luaL_error(L, "sleep: not enough memory");
  return sr_park(L, t, &sleep_kind, NULL, sr_k_nothing);
}

/* --- settle ----------------------------------------------------------------- */

static bool abort_settle(SrTask *t) {
  sr_ring_remove(&t->rt->settlers, &t->waiter);
  return true;
}

static const SrKind settle_kind = {.name = "all other tasks to wait", .abort = abort_settle};

/* testing.settle(): waits until every other task waits; the clock stands still. */
int sr_l_settle(lua_State *L) {
  SrTask *t = sr_check_wait(L, "testing.settle");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  sr_ring_append(&t->rt->settlers, &t->waiter);
  return sr_park(L, t, &settle_kind, NULL, sr_k_nothing);
}

/* --- what it waits for ------------------------------------------------------ */

static bool abort_api(SrTask *t) {
  saros_wait *wait = (saros_wait *)t->object;
  wait->task = NULL; /* whatever completes from now on finds nobody */
  bool stopped = wait->kind->abort(wait);
  if (!stopped) wait->task = t;
  return stopped;
}

static const SrKind api_kind = {.name = "operation", .abort = abort_api};

void sr_give_up(SrTask *t) {
  if (t->waiter.kind != &api_kind) {
    bool stopped = t->waiter.kind->abort(t);
    if (!stopped && t->waiter.kind->ended != NULL) sr_ring_remove(&((SrFuture *)t->object)->watchers, &t->waiter);
    return;
  }
  saros_wait *wait = (saros_wait *)t->object;
  wait->task = NULL;
  if (t->future.outcome == SR_WOKEN) wait->kind->abort(wait);
}

void sr_push_waits_for(lua_State *L, SrTask *t) {
  SrTask *target = t->waiter.kind->ended != NULL ? (SrTask *)t->object : NULL;
  if (t->waiter.kind == &api_kind)
    lua_pushstring(L, ((saros_wait *)t->object)->kind->name);
  else if (target == NULL)
    lua_pushstring(L, t->waiter.kind->name);
  else if (target->future.head.cls == &sr_task_class) {
    sr_push_name(L, target);
    lua_pushfstring(L, "%s '%s'", t->waiter.kind->name, lua_tostring(L, -1));
    lua_remove(L, -2);
  } else
    lua_pushliteral(L, "future");
}

/* --- saros.h ---------------------------------------------------------------- */

void sr_api_check(lua_State *L, const char *function) {
  sr_check_wait_in(L, sr_find_runtime(L), function);
}

int sr_api_cancelled(lua_State *L) {
  SrTask *t = sr_find_runtime(L)->current;
  return t != NULL && sr_is_cancelled(t);
}

/* After a park that was aborted the others have had their turn already. */
int sr_api_raise(lua_State *L) {
  SrTask *t = sr_find_runtime(L)->current;
  return t->future.outcome == SR_WOKEN ? sr_raise(L, t) : sr_throw(L, t);
}

int sr_api_park(lua_State *L, saros_wait *wait, const saros_kind *kind, lua_KFunction k, lua_KContext ctx) {
  SrTask *t = sr_find_runtime(L)->current;
  wait->task = t;
  wait->kind = kind;
  t->object = wait;
  begin_wait(t, &api_kind, SR_PARKED);
  if (t->current->cause != NULL) sr_abort(t, SR_BY_CANCEL); /* since `cancelled` was asked: a finalizer did it */
  return lua_yieldk(L, 0, ctx, k);
}

void sr_api_wake(saros_wait *wait) {
  SrTask *t = (SrTask *)wait->task;
  if (t == NULL) return;
  wait->task = NULL;
  sr_wake(t);
}

int sr_api_aborted(lua_State *L) {
  SrTask *t = sr_find_runtime(L)->current;
  if (t == NULL || t->co != L) return luaL_error(L, STRAY);
  return t->future.outcome != SR_WOKEN;
}

int sr_api_ready(lua_State *L, int n) {
  return sr_return(L, sr_find_runtime(L)->current, n);
}
