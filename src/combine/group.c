/* SPDX-License-Identifier: MIT */
/*
** Task groups: a block that owns tasks.
**
** Invariant: the block is left only when every task of it has ended, and every error of it is
** in the GroupError, once.
*/
#include <string.h>

#include "combine/combine.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/forgotten.h"
#include "runtime/trace.h"

typedef struct Block {
  SrBlock block;      /* the anchor keeps what was_seen under the address of its `running` */
  uint32_t failed;    /* errors in the list, which the anchor keeps under this address */
  bool lost;          /* an error could not be kept, for want of memory */
  bool has_error;     /* the block is left with an error: nil is as good as any */
  bool is_left;       /* its errors are being raised */
  bool was_cancelled; /* from outside, when it was left */
  uint8_t outcome;    /* how the wait for its tasks ended: SrOutcome */
} Block;

_Static_assert(sizeof(Block) <= SR_BLOCK_SIZE, "a group must fit in a block");

typedef struct Group {
  SrObject head;
  SrBlock *block; /* alive as long as its serial is this one */
  uint64_t serial;
} Group;

/* The frame of what leaves a group; the function form has its handler and its results above. */
enum { GROUP_SELF = 1, GROUP_ERROR, GROUP_FRAME = GROUP_ERROR, GROUP_HANDLER };

static const SrClass group_class = {.name = "task group"};

/* --- errors ----------------------------------------------------------------- */

/* Whether the value on top, an error or the task where it arose, has been seen before. [-1, +0, m] */
static bool was_seen(lua_State *L, Block *group) {
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
** Takes the error and, on top, the task where it arose (or nil). Brings the group down. An error that
** passed from task to task, or to the block, is listed once. [-2, +0, m]
*/
static void add_error(lua_State *L, Block *group) {
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
  sr_scope_cancel(&group->block.scope);
}

static void wake_if_over(const SrBlock *block) {
  SrTask *t = block->task;
  if (block->running == 0 && t->future.state == SR_PARKED && t->object == block) sr_wake(t);
}

static void on_child_ended(SrBlock *block, lua_State *L, SrTask *child, uint32_t index) {
  (void)index;
  if (child->future.status == SR_FAILED) {
    sr_push_failure(L, 1);
    sr_push_failure_source(L, 1);
    add_error(L, (Block *)(void *)block);
  }
  wake_if_over(block);
}

static void on_child_lost(SrBlock *block) {
  ((Block *)(void *)block)->lost = true;
  sr_scope_cancel(&block->scope);
  wake_if_over(block);
}

/* Nobody else will tell the errors of a group that was forgotten. */
static int l_report_errors(lua_State *L) {
  const Block *group = (const Block *)lua_touserdata(L, 1);
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
  const Block *group = (const Block *)(const void *)block;
  if (L == NULL) return;
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

static Group *push_group(lua_State *L, SrTask *t) {
  Group *group = (Group *)sr_new_object(L, &group_class, sizeof(Group), 0);
  group->block = sr_block_open(L, t, SR_SCOPE_GROUP, &group_ops, sizeof(Block));
  group->serial = group->block->serial;
  return group;
}

static Group *check_group(lua_State *L, const char *function) {
  return (Group *)sr_check_self(L, &group_class, function);
}

/* Its block, NULL once that has been left. */
static Block *block_of(const SrRuntime *rt, const Group *group) {
  return (Block *)(void *)sr_block_alive(rt, group->block, group->serial);
}

static Block *alive(lua_State *L, const char *function) {
  return block_of(sr_rt(L), check_group(L, function));
}

/* group:spawn(fn, ...): a task of the group, which a finalizer may close until the task has been made */
static int l_spawn(lua_State *L) {
  Group *self = check_group(L, "group:spawn");
  sr_check_function(L, "group:spawn", 2, 1);
  SrTask *t = sr_push_new_task(L, 2, sr_pack_args(L, 2));
  Block *group = block_of(sr_rt(L), self);
  if (group == NULL) {
    sr_push_error(L, "ClosedError", "ECLOSED", "group:spawn: the group has been left");
    return lua_error(L);
  }
  sr_start_task(L, sr_rt(L), t, &group->block.scope);
  return 1;
}

/* group:cancel([reason]): cancels all of it, the block included; whether that was news */
static int l_cancel(lua_State *L) {
  Block *group = alive(L, "group:cancel");
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
static bool counts(lua_State *L, const Block *group, const SrTask *t) {
  uint64_t serial;
  if (!group->has_error) return false;
  if (!sr_is_own_cancel(L, GROUP_ERROR, t, &serial)) return true;
  return serial != group->block.serial && t->current->cause == NULL;
}

/* Raises the GroupError over the list on top. Ctrl-C is in it too, and that there was no memory. */
static int raise_group_error(lua_State *L, SrTask *t, const Block *group, SrOutcome outcome) {
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

/* The block has no error of its own. */
static int return_results(lua_State *L, SrTask *t, const Block *group, SrOutcome outcome) {
  if (group->was_cancelled || outcome == SR_BY_CANCEL) return sr_throw_pending(L, t);
  int top = lua_gettop(L);
  return top > GROUP_FRAME ? top - GROUP_HANDLER : 0;
}

static const SrKind leave_kind;

/* Every task of the group has ended. */
static int k_left(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Block group = *(Block *)ctx;
  SrTask *t = group.block.task;
  sr_was_woken(L, t);
  SrOutcome outcome = (SrOutcome)t->future.outcome;
  if (outcome != SR_WOKEN) ((Block *)ctx)->outcome = group.outcome = (uint8_t)outcome;
  if (group.block.running > 0) return sr_park_in(L, t, &leave_kind, (Block *)ctx, k_left, ctx); /* spawned since */
  outcome = (SrOutcome)group.outcome;
  uint64_t cause;
  bool is_function = lua_gettop(L) > GROUP_FRAME;
  if (group.failed > 0) sr_anchor_get(L, &((Block *)ctx)->failed);
  ((Block *)ctx)->is_left = true;
  sr_block_close(L, &((Block *)ctx)->block);
  if (group.failed > 0) return raise_group_error(L, t, &group, outcome);
  if (group.lost) return t->future.outcome = SR_WOKEN, sr_push_memory_error(L), lua_error(L);
  t->future.outcome = (uint8_t)outcome;
  if (outcome == SR_BY_INTERRUPT || outcome == SR_BY_DEADLOCK) return sr_throw(L, t);
  t->future.outcome = SR_WOKEN;
  if (!group.has_error) return return_results(L, t, &group, outcome);
  bool is_mine = sr_is_own_cancel(L, GROUP_ERROR, t, &cause) && cause == group.block.serial;
  if (is_mine) sr_throw_outer(L, t);
  if (is_mine || !is_function) return 0; /* as a block: the error goes on by itself */
  lua_pushvalue(L, GROUP_ERROR);
  return lua_error(L);
}

static bool abort_leave(SrTask *t) {
  Block *group = (Block *)t->object;
  sr_scope_cancel(&group->block.scope);
  return group->block.running == 0;
}

static const SrKind leave_kind = {.name = "the tasks of its group", .abort = abort_leave, .joins = true};

/* Takes the group, the error with which its block is left, and where that arose. */
static int l_add_error(lua_State *L) {
  add_error(L, (Block *)lua_touserdata(L, 1));
  return 0;
}

static int leave(lua_State *L, Block *group);

static int k_forgotten_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Block *group = (Block *)ctx;
  sr_forgotten_joined(L, group->block.task);
  return leave(L, group);
}

/* The error of the block, if it has one, is at GROUP_ERROR. */
static int leave(lua_State *L, Block *group) {
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
  Block *group = alive(L, "group:close");
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
  Block *group = (Block *)ctx;
  group->has_error = status != LUA_OK && status != LUA_YIELD;
  if (group->has_error) {
    lua_replace(L, GROUP_ERROR);
    lua_settop(L, GROUP_HANDLER);
  }
  return leave(L, group);
}

/* task_group([fn]): with a function, its results once every task of the group has ended. Waits then. */
static int l_task_group(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) sr_check_function(L, "task_group", 1, 1);
  SrTask *t = sr_check_wait(L, "task_group");
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) return push_group(L, t), 1;
  lua_KContext ctx = (lua_KContext)push_group(L, t)->block;
  ((SrBlock *)ctx)->framed = true;
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
  const Block *group = alive(L, "tostring");
  if (group == NULL) return lua_pushliteral(L, "task group (closed)"), 1;
  unsigned running = (unsigned)group->block.running;
  lua_pushfstring(L, "task group (%d %s running, %d failed%s)", (int)running, running == 1 ? "task" : "tasks",
                  (int)group->failed, group->block.scope.cause != NULL ? ", cancelled" : "");
  return 1;
}

void sr_open_group(lua_State *L) {
  static const luaL_Reg functions[] = {{"task_group", l_task_group}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"spawn", l_spawn}, {"cancel", l_cancel}, {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &group_class, methods, meta);
  lua_pop(L, 1);
}
