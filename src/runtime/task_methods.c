/* SPDX-License-Identifier: MIT */
/* Tasks as Lua sees them: spawn, current_task, all_tasks and the methods of a Task. */
#include "runtime/task_methods.h"

#include "runtime/cycle.h"
#include "runtime/future.h"
#include "runtime/handle.h"
#include "runtime/locals.h"
#include "runtime/object.h"
#include "runtime/park.h"
#include "runtime/scope.h"
#include "runtime/stack.h"
#include "runtime/task.h"
#include "runtime/trace.h"
#include "runtime/tree.h"
#include "runtime/wait.h"

static SrTask *check_task(lua_State *L, const char *function) {
  return (SrTask *)sr_check_self(L, &sr_task_class, function);
}

/* task:name() */
static int l_name(lua_State *L) {
  check_task(L, "task:name");
  sr_push_name_of(L, 1);
  return 1;
}

/* task:set_name(name) returns the task */
static int l_set_name(lua_State *L) {
  check_task(L, "task:set_name");
  if (lua_type(L, 2) != LUA_TSTRING) return sr_type_error(L, "task:set_name", 2, 1, "string");
  lua_settop(L, 2);
  sr_set_name(L, 1);
  return 1;
}

/* --- spawn and friends ------------------------------------------------------ */

int sr_l_spawn(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  sr_check_function(L, "spawn", 1, 1);
  int nargs = sr_pack_args(L, 1);
  if (!rt->is_running) return luaL_error(L, "spawn: no loop is running (call it inside async.run)");
  sr_spawn_free(L, rt, rt->current, 1, nargs);
  return 1;
}

int sr_l_current_task(lua_State *L) {
  SrTask *t = sr_current_task(sr_rt(L));
  if (t == NULL)
    lua_pushnil(L);
  else
    sr_push_task(L, t);
  return 1;
}

int sr_l_all_tasks(lua_State *L) {
  sr_push_all_tasks(L, sr_rt(L));
  return 1;
}

/* --- methods ---------------------------------------------------------------- */

/* task:await(): all results, or the error of the task. Waits. */
static int l_await(lua_State *L) {
  return sr_await(L, &check_task(L, "task:await")->future, "task:await");
}

/* task:cancel([reason]): whether it had an effect. */
static int l_cancel(lua_State *L) {
  SrTask *t = check_task(L, "task:cancel");
  bool is_news = t->future.status == SR_PENDING && t->scope.cause == NULL;
  lua_pushboolean(L, is_news && sr_scope_cancel_reason(L, &t->scope, 2));
  return 1;
}

static const char *const status_names[] = {"pending", "done", "failed", "cancelled"};

/* task:status() */
static int l_status(lua_State *L) {
  lua_pushstring(L, status_names[check_task(L, "task:status")->future.status]);
  return 1;
}

/* task:done() */
static int l_done(lua_State *L) {
  lua_pushboolean(L, check_task(L, "task:done")->future.status != SR_PENDING);
  return 1;
}

/* task:cancelled() */
static int l_cancelled(lua_State *L) {
  lua_pushboolean(L, check_task(L, "task:cancelled")->future.status == SR_CANCELLED);
  return 1;
}

/* task:result(): as await of a task that has ended. Does not wait. */
static int l_result(lua_State *L) {
  SrTask *t = check_task(L, "task:result");
  if (t->future.status == SR_PENDING) return luaL_error(L, "task:result: the task is pending (await it)");
  return sr_push_results(L, &t->future, 1, NULL);
}

/* task:error(): its error, nil if it succeeded. Does not wait. */
static int l_error(lua_State *L) {
  SrTask *t = check_task(L, "task:error");
  if (t->future.status == SR_PENDING) return luaL_error(L, "task:error: the task is pending (await it)");
  if (t->future.status == SR_DONE)
    lua_pushnil(L);
  else
    sr_push_failure(L, 1);
  return 1;
}

/* task:traceback(): of its failure, or of where it is now. */
static int l_traceback(lua_State *L) {
  check_task(L, "task:traceback");
  sr_push_task_trace(L, 1);
  return 1;
}

static int k_join(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  sr_was_woken(L, t);
  if (t->future.outcome == SR_BY_INTERRUPT || t->future.outcome == SR_BY_DEADLOCK) return sr_throw(L, t);
  t->future.outcome = SR_WOKEN; /* a cancellation is raised by the next await */
  return 0;
}

static bool abort_join(SrTask *t) {
  (void)t;
  return false; /* it goes on when what it joins has ended */
}

static void on_join_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  sr_wake(sr_task_of(waiter));
}

static const SrKind close_kind = {.name = "the end of the cancelled task",
                                  .abort = abort_join,
                                  .ended = on_join_ended,
                                  .lasts = true,
                                  .links = &sr_await_links};

/* task:close(), __close: cancels and joins; the outcome is dropped. Waits, out of reach of cancellation. */
static int l_close(lua_State *L) {
  SrTask *target = check_task(L, "task:close");
  if (target->future.status != SR_PENDING) return 0;
  SrTask *t = sr_check_wait(L, "task:close");
  bool may_be_inside = t == target || target->scope.children != NULL;
  if (may_be_inside && sr_scope_within(&t->scope, &target->scope)) return sr_raise_cycle(L, t, target);
  sr_scope_cancel(&target->scope);
  if (sr_waits_for(target, t)) return sr_raise_cycle(L, t, target); /* it joins us, whatever we do */
  sr_ring_append(&target->future.watchers, &t->waiter);
  return sr_park(L, t, &close_kind, target, k_join);
}

/* Adds the function at index 2 to the callbacks of a pending task. */
static void add_callback(lua_State *L, SrTask *t) {
  sr_anchor_table(L, t);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  t->future.has_callbacks = true;
}

/* task:on_done(fn): fn(task) in a later turn, as a task of its own, also if it has ended. Returns the task. */
static int l_on_done(lua_State *L) {
  SrTask *t = check_task(L, "task:on_done");
  SrRuntime *rt = sr_rt(L);
  sr_check_function(L, "task:on_done", 2, 1);
  lua_settop(L, 2);
  if (t->future.status == SR_PENDING) {
    sr_locals_bind(L, rt, 2);
    add_callback(L, t);
  } else if (!rt->is_running)
    return luaL_error(L, "task:on_done: no loop is running that could call the function");
  else {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    sr_spawn_free(L, rt, rt->current, 3, 1);
  }
  lua_settop(L, 1);
  return 1;
}

/* tostring(task): task 'name' (pending, waiting for sleep at a.lua:3) */
static int l_tostring(lua_State *L) {
  SrTask *t = check_task(L, "tostring");
  sr_push_name_of(L, 1);
  const char *name = lua_tostring(L, -1), *status = status_names[t->future.status];
  if (t->future.state != SR_PARKED) {
    lua_pushfstring(L, "task '%s' (%s)", name, status);
    return 1;
  }
  sr_push_waits_for(L, t);
  sr_push_where(L, t);
  lua_pushfstring(L, "task '%s' (%s, waiting for %s at %s)", name, status, lua_tostring(L, -2), lua_tostring(L, -1));
  return 1;
}

void sr_open_task(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"await", l_await}, {"cancel", l_cancel},       {"close", l_close},         {"status", l_status},
      {"done", l_done},   {"cancelled", l_cancelled}, {"result", l_result},       {"error", l_error},
      {"name", l_name},   {"set_name", l_set_name},   {"traceback", l_traceback}, {"on_done", l_on_done},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  lua_pushvalue(L, lua_upvalueindex(SR_UP_TASK_META));
  sr_fill_class(L, &sr_task_class, methods, meta);
  lua_pop(L, 1);
}
