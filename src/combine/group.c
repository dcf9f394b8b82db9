/* SPDX-License-Identifier: MIT */
/*
** Task groups: a block that owns tasks.
**
** Invariant: the block is left only when every task of it has ended, and every error of it is
** in the GroupError, once.
*/
#include <string.h>

#include "combine/group_start.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/forgotten.h"
#include "runtime/trace.h"

_Static_assert(sizeof(SrGroup) <= SR_BLOCK_SIZE, "a group must fit in a block");

/* The frame of what leaves a group; the function form has its handler and its results above. */
enum { GROUP_SELF = 1, GROUP_ERROR, GROUP_FRAME = GROUP_ERROR, GROUP_HANDLER };

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
  SrTask *t;
  if (L == NULL) return;
  while ((t = sr_take_waiting(&group->spawners)) != NULL) sr_wake(t); /* to find that it has been left */
  if (!group->is_left && (group->failed > 0 || group->lost)) {
    lua_pushlightuserdata(L, block);
    sr_protected(L, l_report_errors, 1, 0);
  }
  lua_pushnil(L);
  sr_anchor_set(L, &group->failed);
  lua_pushnil(L);
  sr_anchor_set(L, &group->block.running);
}

static const SrBlockOps group_ops = {"task group", on_child_ended, on_child_lost, dispose};

/* --- check, new ------------------------------------------------------------- */

static SrGroupHandle *push_group(lua_State *L, SrTask *t) {
  SrGroupHandle *handle = (SrGroupHandle *)sr_new_object(L, &sr_group_class, sizeof(SrGroupHandle), 0);
  handle->block = sr_block_open(L, t, SR_SCOPE_GROUP, &group_ops, sizeof(SrGroup));
  handle->serial = handle->block->serial;
  return handle;
}

/* group:cancel([reason]): cancels all of it, the block included; whether that was news */
static int l_cancel(lua_State *L) {
  SrGroup *group = sr_group_alive(L, "group:cancel");
  lua_pushboolean(L, group != NULL && sr_scope_cancel_reason(L, &group->block.scope, 2));
  return 1;
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
  if (!sr_is_own_cancel(L, GROUP_ERROR, t, &serial)) return true;
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
  if (is_interrupt(L, GROUP_ERROR)) {
    lua_pushvalue(L, GROUP_ERROR);
    lua_rawseti(L, -2, (lua_Integer)++count);
  }
  if (group->lost) {
    sr_push_memory_error(L);
    lua_rawseti(L, -2, (lua_Integer)++count);
  }
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
  if (sr_is_own_cancel(L, GROUP_ERROR, t, &cause) && cause == group->block.serial) return SWALLOW;
  return is_function ? RAISE_ERROR : LET_PASS;
}

/* Returns or raises what a closed group comes to. If errors were kept their list is on top. [-0, +n, v] */
static int conclude(lua_State *L, SrTask *t, const SrGroup *group, bool is_function) {
  switch (judge(L, t, group, is_function)) {
  case GIVE_RESULTS: return is_function ? lua_gettop(L) - GROUP_HANDLER : 0;
  case LET_PASS: return 0;
  case SWALLOW: sr_throw_outer(L, t); return 0;
  case RAISE_ERROR: lua_pushvalue(L, GROUP_ERROR); return lua_error(L);
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
  bool is_function = lua_gettop(L) > GROUP_FRAME;
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

static int leave(lua_State *L, SrGroup *group);

static int k_forgotten_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrGroup *group = (SrGroup *)ctx;
  sr_forgotten_joined(L, group->block.task);
  return leave(L, group);
}

/* The error of the block, if it has one, is at GROUP_ERROR. */
static int leave(lua_State *L, SrGroup *group) {
  SrTask *t = group->block.task;
  lua_KContext ctx = (lua_KContext)group;
  group->block.framed = true; /* from here on no finalizer can leave the block around it */
  SrBlock *forgotten = sr_forgotten_block(L, t, &group->block.scope);
  if (forgotten != NULL) return sr_forgotten_join(L, t, forgotten, k_forgotten_joined, ctx);
  if (group->has_error) sr_forgotten_blame(L, t, &group->block.scope, GROUP_ERROR);
  if (sr_block_close_inner(L, &group->block)) {
    if (group->has_error)
      sr_debug_forgotten(L);
    else
      lua_copy(L, -1, GROUP_ERROR);
    group->has_error = true;
    lua_pop(L, 1);
  }
  if (is_interrupt(L, GROUP_ERROR))
    sr_scope_cancel(&group->block.scope);
  else if (counts(L, group, t)) {
    lua_pushlightuserdata(L, group);
    lua_pushvalue(L, GROUP_ERROR);
    sr_push_source(L, t);
    if (!sr_protected(L, l_add_error, 3, 0)) on_child_lost(&group->block);
  }
  t->future.outcome = SR_WOKEN;
  group->was_cancelled = group->block.scope.parent->cause != NULL || sr_is_interrupted(t);
  if (group->block.running > 0) return sr_park_in(L, t, &leave_kind, group, k_left, ctx);
  bool turn = sr_is_spent(t) || (group->was_cancelled && !group->has_error);
  return turn ? sr_turn(L, t, k_left, ctx) : k_left(L, LUA_OK, ctx);
}

/* group:close(), __close(group, err): waits for all of it */
static int l_close(lua_State *L) {
  SrGroup *group = sr_group_alive(L, "group:close");
  if (group == NULL) return 0;
  SrTask *t = sr_check_wait(L, "group:close");
  if (group->block.task != t) return luaL_error(L, "group:close: it belongs to another task");
  sr_block_check_leave(L, &group->block, "group:close");
  lua_settop(L, GROUP_FRAME);
  group->has_error = !lua_isnil(L, GROUP_ERROR);
  return leave(L, group);
}

/* --- task_group ------------------------------------------------------------- */

static int k_body(lua_State *L, int status, lua_KContext ctx) {
  SrGroup *group = (SrGroup *)ctx;
  group->has_error = status != LUA_OK && status != LUA_YIELD;
  if (group->has_error) {
    lua_replace(L, GROUP_ERROR);
    lua_settop(L, GROUP_HANDLER);
  }
  return leave(L, group);
}

/* Takes the options, if there are any, from the front of the arguments: task_group([options,] [fn]). */
static void take_options(lua_State *L, SrGroup *options) {
  static const char *const known[] = {"limit", "cancel_on_error", NULL};
  if (!lua_istable(L, 1)) return;
  sr_check_options(L, "task_group", 1, 1, known);
  if (lua_getfield(L, 1, "limit") != LUA_TNIL) {
    lua_Integer limit = sr_check_integer(L, "task_group", -1, 1, 1);
    options->limit = limit < UINT32_MAX ? (uint32_t)limit : 0;
  }
  if (lua_getfield(L, 1, "cancel_on_error") != LUA_TNIL) options->collects = !lua_toboolean(L, -1);
  lua_pop(L, 2);
  lua_remove(L, 1);
}

/* Opens a group with these options and pushes its handle. [-0, +1, m] */
static SrGroup *open_group(lua_State *L, SrTask *t, const SrGroup *options) {
  SrGroup *group = (SrGroup *)(void *)push_group(L, t)->block;
  group->limit = options->limit;
  group->collects = options->collects;
  return group;
}

/* task_group([options] [, fn]): with a function, its results once every task of the group has ended. Waits then. */
static int l_task_group(lua_State *L) {
  SrGroup options = {.limit = 0};
  int number = lua_istable(L, 1) ? 2 : 1;
  take_options(L, &options);
  if (!lua_isnoneornil(L, 1)) sr_check_function(L, "task_group", 1, number);
  SrTask *t = sr_check_wait(L, "task_group");
  lua_settop(L, 1);
  SrGroup *group = open_group(L, t, &options);
  if (lua_isnil(L, 1)) return 1;
  lua_KContext ctx = (lua_KContext)group;
  group->block.framed = true;
  lua_insert(L, GROUP_SELF);
  lua_pushnil(L);
  lua_insert(L, GROUP_ERROR);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_insert(L, GROUP_HANDLER);
  lua_pushvalue(L, GROUP_SELF);
  return k_body(L, lua_pcallk(L, 1, LUA_MULTRET, GROUP_HANDLER, ctx, k_body), ctx);
}

/* tostring(group): task group (3 tasks running, 1 failed) */
static int l_tostring(lua_State *L) {
  const SrGroup *group = sr_group_alive(L, "tostring");
  if (group == NULL) return lua_pushliteral(L, "task group (closed)"), 1;
  unsigned running = (unsigned)group->block.running;
  lua_pushfstring(L, "task group (%d %s running, %d failed%s)", (int)running, running == 1 ? "task" : "tasks",
                  (int)group->failed, group->block.scope.cause != NULL ? ", cancelled" : "");
  return 1;
}

void sr_open_group(lua_State *L) {
  static const luaL_Reg functions[] = {{"task_group", l_task_group}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"spawn", sr_l_group_spawn}, {"start", sr_l_group_start}, {"cancel", l_cancel}, {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_group_class, methods, meta);
  lua_pop(L, 1);
  sr_open_group_start(L);
}
