/* SPDX-License-Identifier: MIT */
/* What an await raises, and sleep. See wait.h. */
#include "runtime/wait.h"

#include <math.h>

#include "runtime/cancel.h"
#include "runtime/clock.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/object.h"
#include "runtime/stack.h"

/* --- raising ---------------------------------------------------------------- */

/* Pushes a CancelledError that is about to be raised. */
static void push_cancelled(lua_State *L, SrTask *t, const SrScope *cause) {
  sr_push_cancelled(L, t, cause);
  if (t->rt->debug.is_on) sr_debug_cancelled(L, t);
}

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
  default: push_cancelled(L, t, t->current->cause);
  }
}

int sr_throw(lua_State *L, SrTask *t) {
  sr_push_thrown(L, t);
  return lua_error(L);
}

int sr_throw_cancelled(lua_State *L, SrTask *t, const SrScope *cause) {
  push_cancelled(L, t, cause);
  return lua_error(L);
}

void sr_throw_outer(lua_State *L, SrTask *t) {
  if (t->current->cause != NULL) sr_throw_cancelled(L, t, t->current->cause);
}

/* The counter of raised cancellations stops here. */
enum { RAISED_LIMIT = 60000 };

int sr_throw_pending(lua_State *L, SrTask *t) {
  t->future.outcome = SR_BY_CANCEL;
  if (t->current->cause == NULL && sr_is_interrupted(t)) {
    t->future.outcome = SR_BY_INTERRUPT;
    t->rt->interrupt.is_pending = 0;
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
  return sr_turn(L, t, k_raise, (lua_KContext)t);
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

static const SrKind sleep_kind = {.name = "sleep", .abort = abort_sleep, .lasts = true};

/* A sleep without end has no deadline, so nothing but cancellation ends it. */
static bool abort_forever(SrTask *t) {
  (void)t;
  return true;
}

static const SrKind forever_kind = {.name = "sleep without end", .abort = abort_forever, .lasts = true};

void sr_on_slept(SrTimer *timer) {
  sr_wake(SR_CONTAINER(timer, SrTask, waiter.timer));
}

int sr_l_sleep(lua_State *L) {
  double seconds = sr_check_seconds(L, "sleep", 1, 1);
  SrTask *t = sr_check_wait(L, "sleep");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (seconds == 0) return sr_turn(L, t, sr_k_nothing, (lua_KContext)t);
  if (seconds == HUGE_VAL) return sr_park(L, t, &forever_kind, NULL, sr_k_nothing);
  t->waiter.timer.position = 0;
  if (!sr_clock_start(&t->rt->clock, &t->waiter.timer, seconds, true)) return luaL_error(L, "sleep: not enough memory");
  return sr_park(L, t, &sleep_kind, NULL, sr_k_nothing);
}
