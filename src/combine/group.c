/* SPDX-License-Identifier: MIT */
/*
** Task groups: a block that owns tasks.
**
** Invariant: the block is left only when every task of it has ended, and every error of it is
** in the GroupError, once.
*/
#include <string.h>

#include "combine/group.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/forgotten.h"
#include "runtime/trace.h"

_Static_assert(sizeof(SrGroup) <= SR_BLOCK_SIZE, "a group must fit in a block");

const SrClass sr_group_class = {.name = "task group"};

/* --- errors ----------------------------------------------------------------- */

/* Whether the value on top, an error or the task where it arose, has been seen before. [-1, +0, m] */
static bool was_seen(lua_State *L, SrGroup *group) {
  int type = lua_type(L, -1);
  if (type != LUA_TTABLE && type != LUA_TUSERDATA) return lua_pop(L, 1), false;
  sr_anchor_table(L, &group->block.running);
  lua_pushvalue(L, -2);
  bool seen = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 1);
  lua_insert(L, -2);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  return seen;
}

/*
** Takes the error and, on top, the task where it arose (or nil). An error that
** passed from task to task, or to the block, is listed once. [-2, +0, m]
*/
static void add_error(lua_State *L, SrGroup *group) {
  bool seen = was_seen(L, group);
  lua_pushvalue(L, -1);
  seen = was_seen(L, group) || seen;
  if (seen)
    lua_pop(L, 1);
  else {
    sr_anchor_table(L, &group->failed);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)group->failed + 1);
    group->failed++;
    lua_pop(L, 1);
  }
}

/* Pushes the reason with which the group was cancelled, or nil. [-0, +1, -] */
static void push_reason(lua_State *L, const SrGroup *group) {
  if (group->block.scope.cause != NULL)
    sr_scope_push_reason(L, group->block.scope.cause);
  else
    lua_pushnil(L);
}

/* All who wait for a place go on without one. They are told why now: the group may have been left when they run. */
static void refuse_places(SrGroup *group) {
  SrTask *t;
  while ((t = sr_take_waiting(&group->spawners)) != NULL) {
    t->object = NULL;
    push_reason(t->co, group);
    sr_wake(t);
  }
}

void sr_group_go_on(SrGroup *group) {
  SrTask *t = group->block.task;
  if (group->block.scope.cause != NULL) refuse_places(group);
  SrTask *spawner;
  while (!sr_group_is_full(group) && (spawner = sr_take_waiting(&group->spawners)) != NULL) {
    group->block.running++;
    sr_wake(spawner);
  }
  if (group->block.running == 0 && t->future.state == SR_PARKED && t->object == group) sr_wake(t);
}

/* The failure of a task that is being started is told to who starts it. */
static void on_child_ended(SrBlock *block, lua_State *L, SrTask *child, uint32_t index) {
  SrGroup *group = (SrGroup *)(void *)block;
  if (child->future.status == SR_FAILED && index != SR_GROUP_STARTING) {
    sr_push_failure(L, 1);
    sr_push_failure_source(L, 1);
    add_error(L, group);
    if (!group->collects) sr_scope_cancel(&block->scope);
  }
  sr_group_go_on(group);
}

static void on_child_lost(SrBlock *block) {
  ((SrGroup *)(void *)block)->lost = true;
  sr_scope_cancel(&block->scope);
  sr_group_go_on((SrGroup *)(void *)block);
}

/* Nobody else will tell the errors of a group that was forgotten. */
static int l_report_errors(lua_State *L) {
  const SrGroup *group = (const SrGroup *)lua_touserdata(L, 1);
  sr_push_task(L, group->block.task);
  lua_pushnil(L);
  sr_anchor_get(L, &group->failed);
  for (lua_Integer i = 1; i <= (lua_Integer)group->failed; i++) {
    lua_rawgeti(L, 4, i);
    sr_report(L, 5, 2, 3, " left a group unclosed, a task of which failed");
    lua_pop(L, 1);
  }
  if (!group->lost) return 0;
  sr_push_memory_error(L);
  sr_report(L, 5, 2, 3, " left a group unclosed, a task of which failed");
  return 0;
}

static void dispose(lua_State *L, SrBlock *block) {
  SrGroup *group = (SrGroup *)(void *)block;
  if (L == NULL) return;
  refuse_places(group);
  if (!group->is_left && (group->failed > 0 || group->lost)) {
    lua_pushlightuserdata(L, block);
    sr_protected(L, l_report_errors, 1, 0);
  }
  lua_pushnil(L);
  sr_anchor_set(L, &group->failed);
  lua_pushnil(L);
  sr_anchor_set(L, &group->block.running);
}

static const SrBlockOps group_ops = {
    .name = "task group", .child_ended = on_child_ended, .child_lost = on_child_lost, .dispose = dispose};

/* --- new ------------------------------------------------------------- */

SrGroup *sr_push_group(lua_State *L, SrTask *t, uint32_t limit, bool collects) {
  SrGroupHandle *handle = (SrGroupHandle *)sr_new_object(L, &sr_group_class, sizeof(SrGroupHandle), 0);
  SrGroup *group = (SrGroup *)(void *)sr_block_open(L, t, SR_SCOPE_GROUP, &group_ops, sizeof(SrGroup));
  handle->block = &group->block;
  handle->serial = group->block.serial;
  group->limit = limit;
  group->collects = collects;
  return group;
}

/* --- leaving ---------------------------------------------------------------- */

static bool is_interrupt(lua_State *L, int index) {
  if (!sr_is_error(L, index)) return false;
  lua_getfield(L, index, "name");
  bool is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "InterruptError") == 0;
  lua_pop(L, 1);
  return is;
}

/* Whether the error with which the block is left is one, not the cancellation that brings it down. */
static bool counts(lua_State *L, const SrGroup *group, const SrTask *t) {
  uint64_t serial;
  if (!group->has_error) return false;
  if (!sr_is_own_cancel(L, SR_GROUP_ERROR, t, &serial)) return true;
  return serial != group->block.serial && t->current->cause == NULL;
}

/* Raises the GroupError over the list on top. Ctrl-C is in it too, and that there was no memory. */
static int raise_group_error(lua_State *L, SrTask *t, const SrGroup *group, SrOutcome outcome) {
  uint32_t count = group->failed;
  t->future.outcome = (uint8_t)outcome;
  if (outcome == SR_BY_INTERRUPT || outcome == SR_BY_DEADLOCK) {
    sr_push_thrown(L, t);
    lua_rawseti(L, -2, (lua_Integer)++count);
  }
  t->future.outcome = SR_WOKEN;
  if (is_interrupt(L, SR_GROUP_ERROR)) {
    lua_pushvalue(L, SR_GROUP_ERROR);
    lua_rawseti(L, -2, (lua_Integer)++count);
  }
  if (group->lost) {
    sr_push_memory_error(L);
    lua_rawseti(L, -2, (lua_Integer)++count);
  }
  if (count == 1 && group->is_block)
    sr_push_block_error(L, lua_gettop(L));
  else
    sr_push_group_error(L, lua_gettop(L), count);
  return lua_error(L);
}

/* What comes of a group that has been left. */
typedef enum Verdict {
  GIVE_RESULTS,      /* those of the function; a block just goes on */
  LET_PASS,          /* the error with which the block is left goes on by itself */
  RAISE_ERROR,       /* the same for a function, whose error was caught */
  SWALLOW,           /* the group's own cancellation has come out; one of a scope around it is raised instead */
  RAISE_ALL,         /* the GroupError */
  RAISE_MEMORY,      /* some error could not be kept */
  RAISE_OUTCOME,     /* Ctrl-C or a deadlock came while its tasks were waited for */
  RAISE_CANCELLATION /* of a scope around it */
} Verdict;

/* The group is closed. */
static Verdict judge(lua_State *L, const SrTask *t, const SrGroup *group, bool is_function) {
  uint64_t cause;
  SrOutcome outcome = (SrOutcome)group->outcome;
  if (group->failed > 0) return RAISE_ALL;
  if (group->lost) return RAISE_MEMORY;
  if (outcome == SR_BY_INTERRUPT || outcome == SR_BY_DEADLOCK) return RAISE_OUTCOME;
  if (!group->has_error) return group->was_cancelled || outcome == SR_BY_CANCEL ? RAISE_CANCELLATION : GIVE_RESULTS;
  if (sr_is_own_cancel(L, SR_GROUP_ERROR, t, &cause) && cause == group->block.serial) return SWALLOW;
  return is_function ? RAISE_ERROR : LET_PASS;
}

/* Returns or raises what a closed group comes to. If errors were kept their list is on top. [-0, +n, v] */
static int conclude(lua_State *L, SrTask *t, const SrGroup *group, bool is_function) {
  switch (judge(L, t, group, is_function)) {
  case GIVE_RESULTS: return is_function ? lua_gettop(L) - SR_GROUP_HANDLER : 0;
  case LET_PASS: return 0;
  case SWALLOW: sr_throw_outer(L, t); return 0;
  case RAISE_ERROR: lua_pushvalue(L, SR_GROUP_ERROR); return lua_error(L);
  case RAISE_ALL: return raise_group_error(L, t, group, (SrOutcome)group->outcome);
  case RAISE_MEMORY: sr_push_memory_error(L); return lua_error(L);
  case RAISE_OUTCOME: t->future.outcome = group->outcome; return sr_throw(L, t);
  case RAISE_CANCELLATION: return sr_throw_pending(L, t);
  }
  return 0;
}

static const SrKind leave_kind;

/* Every task of the group has ended, unless some were spawned since. */
static int k_left(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrGroup *group = (SrGroup *)ctx;
  SrTask *t = group->block.task;
  sr_was_woken(L, t);
  if (t->future.outcome != SR_WOKEN) group->outcome = t->future.outcome;
  if (group->block.running > 0) return sr_park_in(L, t, &leave_kind, group, k_left, ctx);
  bool is_function = lua_gettop(L) > SR_GROUP_FRAME;
  group->is_left = true;
  SrGroup left = *group;
  if (left.failed > 0) sr_anchor_get(L, &group->failed);
  sr_block_close(L, &group->block);
  t->future.outcome = SR_WOKEN;
  return conclude(L, t, &left, is_function);
}

static bool abort_leave(SrTask *t) {
  SrGroup *group = (SrGroup *)t->object;
  sr_scope_cancel(&group->block.scope);
  return group->block.running == 0;
}

static const SrKind leave_kind = {.name = "the tasks of its group", .abort = abort_leave, .joins = true};

/* Takes the group, the error with which its block is left, and where that arose. It brings the group down. */
static int l_add_error(lua_State *L) {
  SrGroup *group = (SrGroup *)lua_touserdata(L, 1);
  add_error(L, group);
  sr_scope_cancel(&group->block.scope);
  return 0;
}

static int k_forgotten_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrGroup *group = (SrGroup *)ctx;
  sr_forgotten_joined(L, group->block.task);
  return sr_group_leave(L, group);
}

int sr_group_leave(lua_State *L, SrGroup *group) {
  SrTask *t = group->block.task;
  lua_KContext ctx = (lua_KContext)group;
  group->block.framed = true; /* from here on no finalizer can leave the block around it */
  SrBlock *forgotten = sr_forgotten_block(L, t, &group->block.scope);
  if (forgotten != NULL) return sr_forgotten_join(L, t, forgotten, k_forgotten_joined, ctx);
  if (group->has_error) sr_forgotten_blame(L, t, &group->block.scope, SR_GROUP_ERROR);
  if (sr_block_close_inner(L, &group->block)) {
    if (group->has_error)
      sr_debug_forgotten(L);
    else
      lua_copy(L, -1, SR_GROUP_ERROR);
    group->has_error = true;
    lua_pop(L, 1);
  }
  if (is_interrupt(L, SR_GROUP_ERROR))
    sr_scope_cancel(&group->block.scope);
  else if (counts(L, group, t)) {
    lua_pushlightuserdata(L, group);
    lua_pushvalue(L, SR_GROUP_ERROR);
    sr_push_source(L, t);
    bool is_first = group->failed == 0;
    if (!sr_protected(L, l_add_error, 3, 0)) on_child_lost(&group->block);
    group->is_block = is_first && group->failed > 0;
  }
  t->future.outcome = SR_WOKEN;
  group->was_cancelled = group->block.scope.parent->cause != NULL || sr_is_interrupted(t);
  if (group->block.running > 0) return sr_park_in(L, t, &leave_kind, group, k_left, ctx);
  bool turn = sr_is_spent(t) || (group->was_cancelled && !group->has_error);
  return turn ? sr_turn(L, t, k_left, ctx) : k_left(L, LUA_OK, ctx);
}
