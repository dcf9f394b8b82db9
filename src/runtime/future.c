/* SPDX-License-Identifier: MIT */
/* What can be awaited. See future.h. */
#include "runtime/future.h"

#include "runtime/cycle.h"
#include "runtime/failure.h"
#include "runtime/handle.h"
#include "runtime/origin.h"
#include "runtime/park.h"
#include "runtime/stack.h"
#include "runtime/trace.h"
#include "runtime/tree.h"
#include "runtime/wait.h"

/* --- results ---------------------------------------------------------------- */

/* Pushes the values from `first` to the top as one: see SrFuture. */
static uint32_t push_kept_results(lua_State *L, int first) {
  int count = lua_gettop(L) - first + 1;
  if (count == 0)
    lua_pushnil(L);
  else if (count == 1)
    lua_pushvalue(L, first);
  else {
    lua_createtable(L, count, 0);
    for (int i = 1; i <= count; i++) {
      lua_pushvalue(L, first + i - 1);
      lua_rawseti(L, -2, i);
    }
  }
  return (uint32_t)count;
}

/* Pushes the origin of the error on top: that of a task, or where a future is made to fail. [-0, +1, m] */
static void push_origin(lua_State *L, int index) {
  SrTask *t = sr_test_task(L, index);
  if (t != NULL) {
    sr_take_origin(L, t);
    return;
  }
  int error = lua_gettop(L);
  sr_push_here(L);
  lua_pushnil(L);
  sr_push_origin(L, error, false);
}

uint32_t sr_push_outcome(lua_State *L, int index, int first, SrStatus status) {
  if (status == SR_DONE) return push_kept_results(L, first);
  lua_pushvalue(L, first);
  if (status == SR_FAILED) {
    push_origin(L, index);
    sr_push_failure_box(L, index);
  }
  return 0;
}

void sr_keep_outcome(lua_State *L, SrFuture *future, int index, uint32_t count) {
  lua_setiuservalue(L, index, 1);
  future->count = count;
}

void sr_settle(lua_State *L, SrFuture *future, SrStatus status) {
  future->status = (uint8_t)status;
  SrWaiter *waiter;
  while ((waiter = sr_ring_take(&future->watchers)) != NULL) waiter->kind->ended(L, waiter, future);
}

void sr_push_failure(lua_State *L, int index) {
  SrFuture *future = (SrFuture *)lua_touserdata(L, index);
  lua_getiuservalue(L, index, 1);
  if (future->status == SR_FAILED) sr_open_failure_box(L);
}

int sr_push_first(lua_State *L, int index) {
  SrFuture *future = (SrFuture *)lua_touserdata(L, index);
  int type = lua_getiuservalue(L, index, 1);
  if (future->count > 1) {
    type = lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
  }
  return type;
}

int sr_push_results(lua_State *L, SrFuture *future, int index, SrTask *caller) {
  if (future->status != SR_DONE) {
    sr_push_failure(L, index);
    if (caller != NULL && sr_test_task(L, index)) sr_note_origin(L, caller, index);
    return lua_error(L);
  }
  if (future->count == 0) return 0;
  lua_getiuservalue(L, index, 1);
  if (future->count == 1) return 1;
  int count = (int)future->count, table = lua_gettop(L);
  luaL_checkstack(L, count, "too many results");
  for (int i = 1; i <= count; i++) lua_rawgeti(L, table, i);
  return count;
}

/* --- await ------------------------------------------------------------------ */

static void on_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  sr_wake(sr_task_of(waiter));
}

const SrKind sr_await_kind = {.name = "task",
                              .abort = sr_abort_in_ring,
                              .ring = offsetof(SrFuture, watchers),
                              .ended = on_ended,
                              .links = &sr_await_links};

static int k_await(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return sr_was_woken(L, t) ? sr_push_results(L, (SrFuture *)t->object, 1, t) : sr_throw(L, t);
}

int sr_await(lua_State *L, SrFuture *target, const char *function) {
  SrTask *t = sr_check_wait(L, function);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (target->status != SR_PENDING) {
    t->object = target;
    return sr_is_spent(t) ? sr_turn(L, t, k_await, (lua_KContext)t) : sr_push_results(L, target, 1, t);
  }
  if (target->head.cls == &sr_task_class && sr_waits_for((SrTask *)target, t))
    return sr_raise_cycle(L, t, (SrTask *)target);
  sr_ring_append(&target->watchers, &t->waiter);
  return sr_park(L, t, &sr_await_kind, target, k_await);
}

/* --- select ----------------------------------------------------------------- */

static void check(lua_State *L, SrTask *t, void *object) {
  if (object == t) sr_raise_cycle(L, t, t);
}

static SrTask *awaited(const void *object) {
  return ((const SrFuture *)object)->head.cls == &sr_task_class ? (SrTask *)(uintptr_t)object : NULL;
}

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)L, (void)t;
  return ((const SrFuture *)object)->status == SR_PENDING ? SR_NOTHING : SR_TAKEN;
}

static int give(lua_State *L, SrTask *t, void *object) {
  return sr_push_results(L, (SrFuture *)object, 1, t);
}

const SrSelectable sr_future_selectable = {
    .kind = &sr_await_kind, .check = check, .awaited = awaited, .take = take, .give = give};
