/* SPDX-License-Identifier: MIT */
/*
** How tasks come into a group: spawn, which may have to wait for a place, and start, which waits until the task says
** that it is ready.
**
** Invariant: a place that was handed over is used or given back, whatever becomes of who waited for it.
*/
#include "combine/group_start.h"

#include "runtime/error.h"

/* --- places ----------------------------------------------------------------- */

static int closed_error(lua_State *L, const char *function) {
  sr_push_error(L, "ClosedError", "ECLOSED", "%s: the group has been left", function);
  return lua_error(L);
}

/* Nobody's own cancellation: it is the group that goes down, not the caller. The reason is on top. */
static int raise_going_down(lua_State *L, const char *function) {
  sr_push_error(L, "CancelledError", "ECANCELED", "%s: the group was cancelled", function);
  lua_insert(L, -2);
  lua_setfield(L, -2, "reason");
  return lua_error(L);
}

/* The place that was handed to a task that is closed by force. */
static void undo_wait(lua_State *L, SrTask *t) {
  (void)L;
  if (t->object == NULL) return; /* it has none */
  const SrGroupHandle *handle = (const SrGroupHandle *)lua_touserdata(t->co, 1);
  SrGroup *group = (SrGroup *)(void *)sr_block_alive(t->rt, handle->block, handle->serial);
  if (group == NULL) return;
  group->block.running--;
  sr_group_go_on(group);
}

static const SrKind place_kind = {.name = "a place in its group",
                                  .abort = sr_abort_in_ring,
                                  .ring = offsetof(SrGroup, spawners),
                                  .lasts = true,
                                  .undo = undo_wait};

/* Waits for a place in a group that is full. To be returned. [-0, +0, v] */
static int wait_for_place(lua_State *L, SrGroup *group, const char *function, lua_KFunction k) {
  SrTask *t = sr_check_wait(L, function);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  sr_ring_append(&group->spawners, &t->waiter);
  return sr_park(L, t, &place_kind, group, k);
}

/* (task, group) */
static int l_start_task(lua_State *L) {
  SrGroup *group = (SrGroup *)lua_touserdata(L, 2);
  lua_settop(L, 1);
  sr_start_task(L, sr_rt(L), (SrTask *)lua_touserdata(L, 1), &group->block.scope);
  return 0;
}

/*
** The wait for a place is over: starts the task at `index` in the one that was handed over, or raises why not. If the
** group was cancelled since then the task starts cancelled. [-0, +0, v]
*/
static void start_in_place(lua_State *L, SrTask *t, int index, const char *function) {
  if (t->object == NULL) raise_going_down(L, function);
  SrGroup *group = sr_group_alive(L, function);
  if (group == NULL) closed_error(L, function);
  lua_pushvalue(L, index);
  lua_pushlightuserdata(L, group);
  bool ok = sr_protected(L, l_start_task, 2, 0);
  group->block.running--;
  if (ok) return;
  sr_group_go_on(group);
  sr_push_memory_error(L);
  lua_error(L);
}

/* --- spawn ------------------------------------------------------------------ */

static int k_spawn(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  start_in_place(L, t, lua_gettop(L), "group:spawn");
  return 1;
}

/* group:spawn(fn, ...): a task of the group, which a finalizer may close until the task has been made. Waits for a place. */
int sr_l_group_spawn(lua_State *L) {
  sr_check_self(L, &sr_group_class, "group:spawn");
  sr_check_function(L, "group:spawn", 2, 1);
  SrTask *task = sr_push_new_task(L, 2, sr_pack_args(L, 2));
  SrGroup *group = sr_group_alive(L, "group:spawn");
  if (group == NULL) return closed_error(L, "group:spawn");
  if (sr_group_is_full(group)) return wait_for_place(L, group, "group:spawn", k_spawn);
  sr_start_task(L, sr_rt(L), task, &group->block.scope);
  return 1;
}

/* --- start ------------------------------------------------------------------ */

/* Of a call of start. User values: the task that it started, the one that waits, and what `started` was given. */
typedef struct Start {
  SrObject head;
  SrTask *task, *starter;
  bool is_called;
} Start;

enum { START_TASK = 1, START_STARTER, START_VALUES };

/* The frame; before the task is made its function and arguments stand there. */
enum { FRAME_GROUP = 1, FRAME_START, FRAME_TASK };

static const SrClass start_class = {.name = "start"};

static bool abort_start(SrTask *t) {
  sr_scope_cancel(&((SrTask *)t->object)->scope);
  return false; /* it goes on when the task has ended */
}

static void on_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  sr_wake(sr_task_of(waiter));
}

static const SrKind start_kind = {.name = "the start of task", .abort = abort_start, .ended = on_ended, .lasts = true};

/* Whether the one who started the task still waits for `started`. Cancelled, it waits for the end of the task. */
static bool is_awaited(const Start *start) {
  const SrTask *t = start->starter;
  return t->future.state == SR_PARKED && t->waiter.kind == &start_kind && t->object == start->task &&
         t->future.outcome == SR_WOKEN;
}

/* started(...): what start returns. From here on the task is one of the group as any other. */
static int l_started(lua_State *L) {
  int count = lua_gettop(L);
  Start *start = (Start *)lua_touserdata(L, lua_upvalueindex(SR_UP_COUNT + 1));
  lua_createtable(L, count, 0);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_rawseti(L, 1, 0);
  if (start->is_called) return luaL_error(L, "started: it was called before");
  start->is_called = true;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_COUNT + 1));
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, START_VALUES);
  if (start->task->future.state == SR_ENDED) return 0;
  start->task->future.count = 0;
  if (!is_awaited(start)) return 0;
  sr_ring_remove(&start->task->future.watchers, &start->starter->waiter);
  sr_wake(start->starter);
  return 0;
}

static int push_values(lua_State *L) {
  lua_getiuservalue(L, FRAME_START, START_VALUES);
  int values = lua_gettop(L);
  lua_rawgeti(L, values, 0);
  int count = (int)lua_tointeger(L, -1);
  luaL_checkstack(L, count, "too many results");
  for (int i = 1; i <= count; i++) lua_rawgeti(L, values, i);
  return count;
}

/* The task has called `started`, or ended. An error of its own is not thrown away for a cancellation. */
static int k_started(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  const Start *start = (const Start *)lua_touserdata(L, FRAME_START);
  SrFuture *target = &start->task->future;
  if (!sr_was_woken(L, t)) {
    bool is_own = t->future.outcome == SR_BY_CANCEL && target->status == SR_FAILED && !start->is_called;
    if (!is_own) return sr_throw(L, t);
    t->future.outcome = SR_WOKEN;
  }
  if (start->is_called) return push_values(L);
  if (target->status != SR_DONE) return sr_push_results(L, target, FRAME_TASK, t);
  return luaL_error(L, "group:start: the function returned without calling 'started'");
}

/* The task has been started: waits for it. */
static int wait_until_started(lua_State *L, SrTask *t) {
  SrTask *task = (SrTask *)lua_touserdata(L, FRAME_TASK);
  sr_ring_append(&task->future.watchers, &t->waiter);
  return sr_park(L, t, &start_kind, task, k_started);
}

static int k_place(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  start_in_place(L, t, FRAME_TASK, "group:start");
  return wait_until_started(L, t);
}

/* Arranges the frame: makes what belongs to the call, `started`, and the task. [-n, +2, m] */
static void arrange(lua_State *L, SrTask *t) {
  Start *start = (Start *)sr_new_object(L, &start_class, sizeof(Start), START_VALUES);
  lua_insert(L, FRAME_START);
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, FRAME_START);
  lua_pushcclosure(L, l_started, SR_UP_COUNT + 1);
  lua_insert(L, FRAME_TASK + 1); /* the first argument */
  start->task = sr_push_new_task(L, FRAME_TASK, sr_pack_args(L, FRAME_TASK));
  start->task->future.count = SR_GROUP_STARTING;
  start->starter = t;
  lua_replace(L, FRAME_TASK);
  lua_settop(L, FRAME_TASK);
  lua_pushvalue(L, FRAME_TASK);
  lua_setiuservalue(L, FRAME_START, START_TASK);
  sr_push_task(L, t);
  lua_setiuservalue(L, FRAME_START, START_STARTER);
}

/* group:start(fn, ...): runs fn(started, ...) in the group until it calls started(...), and returns that. Waits. */
int sr_l_group_start(lua_State *L) {
  sr_check_self(L, &sr_group_class, "group:start");
  sr_check_function(L, "group:start", 2, 1);
  SrTask *t = sr_check_wait(L, "group:start");
  arrange(L, t);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  SrGroup *group = sr_group_alive(L, "group:start");
  if (group == NULL) return closed_error(L, "group:start");
  if (sr_group_is_full(group)) return wait_for_place(L, group, "group:start", k_place);
  sr_start_task(L, sr_rt(L), (SrTask *)lua_touserdata(L, FRAME_TASK), &group->block.scope);
  return wait_until_started(L, t);
}

void sr_open_group_start(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  sr_push_class(L, &start_class, none, NULL);
  lua_pop(L, 1);
}
