/* SPDX-License-Identifier: MIT */
/*
** timeout and wait_for: a scope with a deadline.
**
** Invariant: TimeoutError is raised only where the CancelledError of this very scope comes out, and no
** scope around it has been cancelled meanwhile: the outermost cancellation counts. Results that are there,
** other errors and outer cancellations pass unchanged.
*/
#include <math.h>
#include <stdio.h>

#include "combine/items.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/forgotten.h"

typedef struct Timeout {
  SrObject head;
  SrBlock *block; /* alive as long as its serial is this one */
  uint64_t serial;
  bool expired;     /* of a timeout that was left */
  int64_t deadline; /* as in the block, which may be gone */
} Timeout;

static const SrClass timeout_class = {.name = "timeout"};
static const SrBlockOps timeout_ops = {.name = "timeout"};

/* --- check, new ------------------------------------------------------------- */

static Timeout *check_timeout(lua_State *L, const char *function) {
  return (Timeout *)sr_check_self(L, &timeout_class, function);
}

static SrBlock *alive(lua_State *L, const Timeout *timeout) {
  return sr_block_alive(sr_rt(L), timeout->block, timeout->serial);
}

static SrBlock *open_block(lua_State *L, SrTask *t, double seconds) {
  SrBlock *block = sr_block_open(L, t, SR_SCOPE_TIMEOUT, &timeout_ops, sizeof(SrBlock));
  sr_block_start(L, block, seconds);
  return block;
}

/* timeout(seconds): local t <close> = async.timeout(2); nil: no deadline yet */
static int l_timeout(lua_State *L) {
  double seconds = sr_check_deadline(L, "timeout", 1, 1);
  SrTask *t = sr_check_wait(L, "timeout");
  Timeout *timeout = (Timeout *)sr_new_object(L, &timeout_class, sizeof(Timeout), 0);
  timeout->block = open_block(L, t, seconds);
  timeout->serial = timeout->block->serial;
  timeout->deadline = timeout->block->deadline;
  return 1;
}

/* --- leaving ---------------------------------------------------------------- */

/* Whether the error at `index` is the CancelledError of this block, of the running task. */
static bool is_mine(lua_State *L, int index, uint64_t serial) {
  uint64_t cause;
  SrTask *t = sr_rt(L)->current;
  return t != NULL && sr_is_own_cancel(L, index, t, &cause) && cause == serial;
}

/* The CancelledError of the block that was just left has come out of it. */
static int raise_timeout(lua_State *L, SrTask *t, double seconds) {
  sr_throw_outer(L, t);
  lua_pushnumber(L, (lua_Number)seconds);
  sr_push_error(L, "TimeoutError", "ETIMEDOUT", "timed out after %s seconds", lua_tostring(L, -1));
  lua_pushnumber(L, (lua_Number)seconds);
  lua_setfield(L, -2, "seconds");
  return lua_error(L);
}

static int k_forgotten_joined(lua_State *L, int status, lua_KContext ctx);

/* The frame is (timeout, error). */
static int leave(lua_State *L, Timeout *timeout) {
  SrBlock *block = timeout->block;
  SrTask *t = block->task;
  double seconds = block->seconds;
  SrBlock *busy = sr_forgotten_block(L, t, &block->scope);
  if (busy != NULL) return sr_forgotten_join(L, t, busy, k_forgotten_joined, (lua_KContext)timeout);
  sr_forgotten_blame(L, t, &block->scope, 2);
  timeout->expired = block->expired;
  bool forgotten = sr_block_close(L, block);
  if (is_mine(L, 2, timeout->serial)) return raise_timeout(L, t, seconds);
  if (!forgotten) return 0;
  if (lua_isnil(L, 2)) return lua_error(L);
  sr_debug_forgotten(L);
  return 0;
}

static int k_forgotten_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Timeout *timeout = (Timeout *)ctx;
  sr_forgotten_joined(L, timeout->block->task);
  return leave(L, timeout);
}

/* timeout:close(), __close(timeout, err) */
static int l_close(lua_State *L) {
  Timeout *timeout = check_timeout(L, "timeout:close");
  SrBlock *block = alive(L, timeout);
  if (block == NULL) return 0;
  if (block->task->co != L) return luaL_error(L, "timeout:close: it belongs to another task");
  sr_block_check_leave(L, block, "timeout:close");
  lua_settop(L, 2);
  return leave(L, timeout);
}

/* timeout:reschedule(seconds): a new deadline, from now; nil: none */
static int l_reschedule(lua_State *L) {
  Timeout *timeout = check_timeout(L, "timeout:reschedule");
  SrBlock *block = alive(L, timeout);
  double seconds = sr_check_deadline(L, "timeout:reschedule", 2, 1);
  if (block == NULL) {
    sr_push_error(L, "ClosedError", "ECLOSED", "timeout:reschedule: the timeout is closed");
    return lua_error(L);
  }
  if (block->expired) return luaL_error(L, "timeout:reschedule: the deadline has passed");
  if (!sr_block_deadline(block, seconds)) return luaL_error(L, "timeout:reschedule: not enough memory");
  timeout->deadline = block->deadline;
  return 0;
}

/* timeout:expired(): whether the deadline passed before the block was left */
static int l_expired(lua_State *L) {
  Timeout *timeout = check_timeout(L, "timeout:expired");
  SrBlock *block = alive(L, timeout);
  lua_pushboolean(L, block != NULL ? block->expired : timeout->expired);
  return 1;
}

/* timeout:remaining(): seconds until the deadline, 0 or less once it has passed; math.huge without one */
static int l_remaining(lua_State *L) {
  int64_t deadline = check_timeout(L, "timeout:remaining")->deadline;
  if (deadline == INT64_MAX)
    lua_pushnumber(L, HUGE_VAL);
  else
    lua_pushnumber(L, (lua_Number)(deadline - sr_clock_now(&sr_rt(L)->clock)) / 1e9);
  return 1;
}

static void push_limit(lua_State *L, double seconds) {
  char text[64];
  snprintf(text, sizeof text, "timeout (%g s)", seconds);
  lua_pushstring(L, text);
}

/* tostring(timeout): timeout (1.5 s), timeout (expired), timeout (closed) */
static int l_tostring(lua_State *L) {
  const Timeout *timeout = check_timeout(L, "tostring");
  const SrBlock *block = alive(L, timeout);
  if (block == NULL)
    lua_pushstring(L, timeout->expired ? "timeout (closed, expired)" : "timeout (closed)");
  else if (block->expired)
    lua_pushliteral(L, "timeout (expired)");
  else if (block->seconds == HUGE_VAL)
    lua_pushliteral(L, "timeout (none)");
  else
    push_limit(L, block->seconds);
  return 1;
}

/* --- the caller's scope ----------------------------------------------------- */

/* deadline(): the nearest one above the caller, passed or not, on the clock of now(); math.huge without one */
static int l_deadline(lua_State *L) {
  const SrTask *t = sr_current_task(sr_rt(L));
  int64_t deadline = t == NULL ? INT64_MAX : sr_scope_deadline(t->current);
  lua_pushnumber(L, deadline == INT64_MAX ? HUGE_VAL : (lua_Number)deadline / 1e9);
  return 1;
}

/* cancelled(): whether the scope of the caller is: its next await will raise */
static int l_cancelled(lua_State *L) {
  const SrTask *t = sr_current_task(sr_rt(L));
  lua_pushboolean(L, t != NULL && t->current->cause != NULL);
  return 1;
}

/* --- wait_for --------------------------------------------------------------- */

static bool abort_target(SrTask *t) {
  SrTask *target = (SrTask *)t->object;
  sr_scope_cancel(&target->scope);
  return false;
}

static void on_target_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  sr_wake(sr_task_of(waiter));
}

static const SrKind target_kind = {
    .name = "task", .abort = abort_target, .ended = on_target_ended, .lasts = true, .links = &sr_await_links};

/* A result or an error of its own that the task still had is not thrown away. */
static int k_target(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx, *target = sr_test_task(L, 1);
  sr_was_woken(L, t);
  SrOutcome outcome = (SrOutcome)t->future.outcome;
  bool keep = target->future.status != SR_CANCELLED || !sr_is_cancelled(t);
  t->future.outcome = SR_WOKEN;
  if (outcome == SR_BY_INTERRUPT || outcome == SR_BY_DEADLOCK) {
    t->future.outcome = (uint8_t)outcome;
    return sr_throw(L, t);
  }
  return keep ? sr_push_results(L, &target->future, 1, t) : sr_throw_pending(L, t);
}

/* Awaits a task that goes down with the wait: cancels it and joins. */
static int l_await_owned(lua_State *L) {
  SrTask *target = sr_test_task(L, 1);
  SrTask *t = sr_check_wait(L, "wait_for");
  if (target->future.status != SR_PENDING || sr_waits_for(target, t)) return sr_await(L, &target->future, "wait_for");
  if (sr_is_cancelled(t)) sr_scope_cancel(&target->scope);
  sr_ring_append(&target->future.watchers, &t->waiter);
  return sr_park(L, t, &target_kind, target, k_target);
}

static int l_await_plain(lua_State *L) {
  return sr_await(L, sr_test_future(L, 1), "await");
}

int sr_push_call(lua_State *L, int index, bool owns) {
  if (!lua_isfunction(L, index)) sr_push_function(L, owns && sr_test_task(L, index) ? l_await_owned : l_await_plain);
  lua_pushvalue(L, index);
  return lua_isfunction(L, index) ? 0 : 1;
}

/* The frame: (awaitable, seconds, handler, results...). */
enum { WAIT_HANDLER = 3 };

static int k_joined(lua_State *L, int status, lua_KContext ctx);

static int leave_wait_for(lua_State *L, SrBlock *block) {
  uint64_t serial = block->serial;
  double seconds = block->seconds;
  bool failed = block->failed;
  SrTask *t = block->task;
  int top = lua_gettop(L);
  SrBlock *busy = sr_forgotten_block(L, t, &block->scope);
  if (busy != NULL) return sr_forgotten_join(L, t, busy, k_joined, (lua_KContext)block);
  if (failed) sr_forgotten_blame(L, t, &block->scope, top);
  bool forgotten = sr_block_close(L, block);
  if (!failed) return forgotten ? lua_error(L) : sr_return(L, t, top - WAIT_HANDLER);
  if (forgotten) sr_debug_forgotten(L);
  lua_settop(L, top);
  return is_mine(L, top, serial) ? raise_timeout(L, t, seconds) : lua_error(L);
}

static int k_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  sr_forgotten_joined(L, ((SrBlock *)ctx)->task);
  return leave_wait_for(L, (SrBlock *)ctx);
}

static int k_wait_for(lua_State *L, int status, lua_KContext ctx) {
  SrBlock *block = (SrBlock *)ctx;
  block->failed = status != LUA_OK && status != LUA_YIELD;
  return leave_wait_for(L, block);
}

/*
** Arranges the frame of the awaitable at index 1, with what was given for it above the seconds, and pushes the call.
** Returns the number of its arguments. [-0, +n, v]
*/
static int push_wait_for(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_insert(L, WAIT_HANDLER);
  int given = lua_gettop(L) - WAIT_HANDLER;
  if (!lua_isfunction(L, 1)) return sr_push_call(L, 1, true);
  lua_pushvalue(L, 1);
  lua_insert(L, WAIT_HANDLER + 1);
  return given;
}

/* wait_for(awaitable, seconds, ...): its results, or TimeoutError. Runs in the calling task. Waits. */
static int l_wait_for(lua_State *L) {
  sr_check_awaitable(L, "wait_for", 1, 1);
  double seconds = sr_check_deadline(L, "wait_for", 2, 2);
  if (lua_gettop(L) > 2 && !lua_isfunction(L, 1))
    return sr_arg_error(L, "wait_for", 3, "only a function takes arguments");
  SrTask *t = sr_check_wait(L, "wait_for");
  if (sr_is_cancelled(t) && sr_test_task(L, 1) == NULL) return sr_raise(L, t);
  if (lua_gettop(L) < 2) lua_settop(L, 2);
  int nargs = push_wait_for(L);
  SrBlock *block = open_block(L, t, seconds);
  block->framed = true;
  lua_KContext ctx = (lua_KContext)block;
  return k_wait_for(L, lua_pcallk(L, nargs, LUA_MULTRET, WAIT_HANDLER, ctx, k_wait_for), ctx);
}

void sr_open_timeout(lua_State *L) {
  static const luaL_Reg functions[] = {{"timeout", l_timeout},
                                       {"wait_for", l_wait_for},
                                       {"deadline", l_deadline},
                                       {"cancelled", l_cancelled},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", l_close},
                                     {"reschedule", l_reschedule},
                                     {"expired", l_expired},
                                     {"remaining", l_remaining},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &timeout_class, methods, meta);
  lua_pop(L, 1);
}
