/* SPDX-License-Identifier: MIT */
/* The tree of cancellation. See scope.h. */
#include "runtime/scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "runtime/park.h"
#include "runtime/place.h"

/* --- the tree --------------------------------------------------------------- */

static void hang_below(SrScope *scope, SrScope *parent) {
  SrScope *first = parent->children;
  scope->parent = parent;
  if (first == NULL) {
    parent->children = scope->next = scope->prev = scope;
    return;
  }
  scope->next = first;
  scope->prev = first->prev;
  first->prev->next = scope;
  first->prev = scope;
}

void sr_scope_enter(SrScope *scope, SrScope *parent, SrScopeKind kind) {
  scope->children = NULL;
  scope->kind = (uint8_t)kind;
  scope->cancelled = false;
  scope->cause = kind == SR_SCOPE_SHIELD ? NULL : parent->cause;
  hang_below(scope, parent);
}

void sr_scope_exit(SrScope *scope) {
  SrScope *parent = scope->parent;
  if (scope->next == scope)
    parent->children = NULL;
  else {
    scope->prev->next = scope->next;
    scope->next->prev = scope->prev;
    if (parent->children == scope) parent->children = scope->next;
  }
}

bool sr_scope_within(const SrScope *inner, const SrScope *outer) {
  for (; inner != NULL; inner = inner->parent)
    if (inner == outer) return true;
  return false;
}

bool sr_scope_has_deadline(const SrScope *scope) {
  for (; scope != NULL; scope = scope->parent) {
    if (scope->kind != SR_SCOPE_TIMEOUT && scope->kind != SR_SCOPE_SHIELD) continue;
    const SrBlock *block = (const SrBlock *)(const void *)scope;
    if (block->timer.position != 0) return true;
    if (scope->kind == SR_SCOPE_SHIELD && block->seconds == HUGE_VAL) return false; /* none from outside gets in */
  }
  return false;
}

int64_t sr_scope_deadline(const SrScope *scope) {
  int64_t nearest = INT64_MAX;
  for (; scope != NULL; scope = scope->parent) {
    if (scope->kind != SR_SCOPE_TIMEOUT && scope->kind != SR_SCOPE_SHIELD) continue;
    const SrBlock *block = (const SrBlock *)(const void *)scope;
    if (block->deadline < nearest) nearest = block->deadline;
    if (scope->kind == SR_SCOPE_SHIELD) break; /* none from outside gets in */
  }
  return nearest;
}

/* --- cancelling ------------------------------------------------------------- */

/* The task that runs in this scope and in none further inside, or NULL. */
static SrTask *task_in(SrScope *scope) {
  if (scope->kind == SR_SCOPE_RUN) return NULL;
  SrTask *t = scope->kind == SR_SCOPE_TASK ? SR_CONTAINER(scope, SrTask, scope) : ((SrBlock *)(void *)scope)->task;
  return t->current == scope ? t : NULL;
}

static void limit_shield(SrBlock *shield) {
  if (shield->seconds == HUGE_VAL || shield->timer.position != 0 || shield->scope.cancelled) return;
  if (!sr_block_deadline(shield, shield->seconds)) sr_scope_cancel(&shield->scope);
}

/* Waits for the tasks of its innermost block. If just that block is cancelled, the wait goes on. */
static bool joins(const SrTask *t) {
  return t->future.state == SR_PARKED && t->waiter.kind->joins;
}

static SrRuntime *runtime_of(SrScope *scope) {
  if (scope->kind == SR_SCOPE_RUN) return SR_CONTAINER(scope, SrRuntime, root);
  if (scope->kind == SR_SCOPE_TASK) return SR_CONTAINER(scope, SrTask, scope)->rt;
  return ((SrBlock *)(void *)scope)->task->rt;
}

/* One step of the walk from `top`, which is cancelled: hands that down to one scope and ends the wait it reaches. */
static void hand_down(SrScope *top) {
  SrScope *at = top->cursor;
  bool descend = at == top || at->kind != SR_SCOPE_SHIELD;
  top->cursor = sr_next_scope(top, at, descend);
  if (!descend) {
    SrBlock *shield = (SrBlock *)(void *)at;
    bool is_gone = shield->task->future.state == SR_PARKED && sr_is_lost(shield->task);
    if (is_gone)
      sr_abort(shield->task, SR_BY_CANCEL);
    else
      limit_shield(shield);
    return;
  }
  at->cause = top;
  SrTask *t = task_in(at);
  if (t != NULL && !(at == top && joins(t))) sr_abort(t, SR_BY_CANCEL);
}

/* Whether the walk from `top` is over: at its end, or overtaken by one that began further outside. */
static bool is_walked(const SrScope *top) {
  return top->cursor == NULL || top->cause != (top->cursor == top ? NULL : top);
}

/* Puts what the last step has cancelled before the rest of the walk to which that step belongs. */
static void take_fresh(SrRuntime *rt) {
  if (rt->walks.fresh == NULL) return;
  rt->walks.last_fresh->queued = rt->walks.first;
  rt->walks.first = rt->walks.fresh;
  rt->walks.fresh = NULL;
}

/* Begins a walk at `top`. Inside another one it waits until the step that asks for it is done. */
static void walk_from(SrScope *top) {
  SrRuntime *rt = runtime_of(top);
  top->cursor = top;
  if (rt->walks.first != NULL) {
    if (rt->walks.fresh == NULL)
      rt->walks.fresh = top;
    else
      rt->walks.last_fresh->queued = top;
    rt->walks.last_fresh = top;
    return;
  }
  top->queued = NULL;
  rt->walks.first = top;
  while (rt->walks.first != NULL) {
    if (is_walked(rt->walks.first))
      rt->walks.first = rt->walks.first->queued;
    else
      hand_down(rt->walks.first);
    take_fresh(rt);
  }
}

bool sr_scope_cancel(SrScope *scope) {
  if (scope->cancelled) return false;
  scope->cancelled = true;
  if (scope->cause == NULL) walk_from(scope);
  return true;
}

bool sr_scope_cancel_reason(lua_State *L, SrScope *scope, int index) {
  if (scope->cancelled) return false;
  if (!lua_isnoneornil(L, index)) {
    lua_pushvalue(L, index);
    sr_anchor_set(L, &scope->cancelled);
  }
  return sr_scope_cancel(scope);
}

/* A shield whose limit passed is cancelled for the reason that has waited outside. */
void sr_scope_push_reason(lua_State *L, const SrScope *scope) {
  while (scope->kind == SR_SCOPE_SHIELD && scope->parent->cause != NULL) scope = scope->parent->cause;
  sr_anchor_get(L, &scope->cancelled);
}

/* --- blocks ----------------------------------------------------------------- */

static void on_deadline(saros_timer *timer) {
  SrBlock *block = SR_CONTAINER(timer, SrBlock, timer);
  block->expired = true;
  sr_scope_cancel(&block->scope);
}

static SrBlock *new_block(lua_State *L, SrRuntime *rt) {
  if (rt->blocks.count == rt->blocks.capacity) {
    unsigned capacity = rt->blocks.capacity == 0 ? 64 : rt->blocks.capacity * 2;
    SrBlock **blocks = (SrBlock **)realloc(rt->blocks.all, capacity * sizeof *blocks);
    if (blocks == NULL) luaL_error(L, "not enough memory");
    rt->blocks.all = blocks;
    rt->blocks.capacity = capacity;
  }
  SrBlock *block = (SrBlock *)malloc(SR_BLOCK_SIZE);
  if (block == NULL) luaL_error(L, "not enough memory");
  return rt->blocks.all[rt->blocks.count++] = block;
}

SrBlock *sr_block_open(lua_State *L, SrTask *t, SrScopeKind kind, const SrBlockOps *ops, size_t size) {
  SrRuntime *rt = t->rt;
  SrBlock *block = rt->blocks.free;
  if (block != NULL)
    rt->blocks.free = block->next_free;
  else
    block = new_block(L, rt);
  memset(block, 0, size);
  block->task = t;
  block->ops = ops;
  block->seconds = HUGE_VAL;
  block->deadline = INT64_MAX;
  block->serial = ++rt->blocks.last_serial;
  block->timer.on_fire = on_deadline;
  block->co = L;
  if (kind == SR_SCOPE_JOIN)
    block->scope.source = SR_ASKED_LATER;
  else
    sr_place(L, rt, &block->scope);
  sr_scope_enter(&block->scope, t->current, kind);
  t->current = &block->scope;
  return block;
}

bool sr_block_deadline(SrBlock *block, double seconds) {
  SrClock *clock = &block->task->rt->clock;
  sr_clock_stop(clock, (SrTimer *)&block->timer);
  block->seconds = seconds;
  block->deadline = INT64_MAX;
  if (seconds == HUGE_VAL) return true;
  if (!sr_clock_start(clock, (SrTimer *)&block->timer, seconds, false)) return false;
  block->deadline = sr_clock_armed_for(clock, (const SrTimer *)&block->timer);
  return true;
}

void sr_block_start(lua_State *L, SrBlock *block, double seconds) {
  if (sr_block_deadline(block, seconds)) return;
  sr_block_close(L, block);
  luaL_error(L, "not enough memory");
}

SrBlock *sr_block_alive(const SrRuntime *rt, SrBlock *block, uint64_t serial) {
  if (serial <= rt->blocks.freed_serial) return NULL; /* of an earlier run: its memory is gone */
  return block->ops != NULL && block->serial == serial ? block : NULL;
}

/* Its tasks can no longer be waited for here: they are cancelled and belong to the run. */
static void orphan(SrScope *scope, SrScope *root) {
  SrScope *child;
  while ((child = scope->children) != NULL) {
    sr_ask_place(child);
    sr_scope_exit(child);
    hang_below(child, root);
    child->cancelled = true;
    child->cause = NULL;
    walk_from(child);
  }
}

/*
** Takes the innermost block of its task off the stack. The task may wait for just this one, if somebody closes its
** coroutine from outside, and a __close handler the block: that wait is over.
*/
static void pop_block(lua_State *L, SrBlock *block) {
  SrTask *t = block->task;
  SrRuntime *rt = t->rt;
  sr_clock_stop(&rt->clock, (SrTimer *)&block->timer);
  if (block->ops->dispose != NULL) block->ops->dispose(L, block);
  if (block->scope.children != NULL) orphan(&block->scope, &rt->root);
  t->current = block->scope.parent;
  sr_scope_exit(&block->scope);
  if (block->scope.cancelled) {
    lua_pushnil(L);
    sr_anchor_set(L, &block->scope.cancelled);
  }
  if (t->future.state == SR_PARKED && t->waiter.kind->joins && t->object == block) sr_wake(t);
  block->ops = NULL;
  block->next_free = rt->blocks.free;
  rt->blocks.free = block;
}

/* Describes the block at its first argument: its memory is still there, though it is closed. */
static int l_describe_forgotten(lua_State *L) {
  const SrBlock *block = (const SrBlock *)lua_touserdata(L, 1);
  const SrBlockOps *ops = (const SrBlockOps *)lua_touserdata(L, 2);
  sr_push_place(L, &block->scope);
  lua_pushfstring(L, "%s made at %s was never closed: declare it as local x <close> = ...", ops->name,
                  lua_tostring(L, -1));
  return 1;
}

static void push_forgotten(lua_State *L, const SrBlock *block, const SrBlockOps *ops) {
  lua_pushlightuserdata(L, (void *)block);
  lua_pushlightuserdata(L, (void *)ops);
  if (!sr_protected(L, l_describe_forgotten, 2, 1)) sr_push_memory_error(L);
}

/*
** Whether it was for the user to close the block. Those of combinators and of functions close themselves, unless the
** coroutine was closed from outside while they waited.
*/
static bool is_users(const SrBlock *block) {
  return block->scope.kind != SR_SCOPE_JOIN && !block->framed;
}

/* Closes the blocks inside `outer`, and then `last` (may be NULL). All of them are closed before anything can fail. */
static bool close_down_to(lua_State *L, SrTask *t, const SrScope *outer, SrBlock *last) {
  const SrBlock *forgotten = NULL;
  const SrBlockOps *ops = NULL;
  while (t->current != outer) {
    SrBlock *block = (SrBlock *)(void *)t->current;
    if (is_users(block)) {
      forgotten = block;
      ops = block->ops;
    }
    sr_ask_place(&block->scope);
    pop_block(L, block);
  }
  if (last != NULL) pop_block(L, last);
  if (forgotten != NULL) push_forgotten(L, forgotten, ops);
  return forgotten != NULL;
}

void sr_block_check_leave(lua_State *L, const SrBlock *block, const char *function) {
  if (block->task != block->task->rt->current) return; /* its coroutine is being closed: nothing runs there any more */
  for (const SrScope *at = block->task->current;; at = at->parent) {
    const SrBlock *inner = (const SrBlock *)(const void *)at;
    if (inner->framed)
      luaL_error(L, "%s: the function that runs in a %s has not returned yet", function, inner->ops->name);
    if (inner == block) return;
  }
}

bool sr_block_close(lua_State *L, SrBlock *block) {
  return close_down_to(L, block->task, &block->scope, block);
}

bool sr_block_close_inner(lua_State *L, SrBlock *block) {
  return close_down_to(L, block->task, &block->scope, NULL);
}

bool sr_block_close_all(lua_State *L, SrTask *t) {
  return close_down_to(L, t, &t->scope, NULL);
}

void sr_scope_forgive(SrScope *root) {
  for (SrScope *at = root; at != NULL; at = sr_next_scope(root, at, true))
    if (at->kind == SR_SCOPE_TASK) SR_CONTAINER(at, SrTask, scope)->raised = 0;
}

void sr_scope_forget_all(SrRuntime *rt) {
  for (SrScope *at = &rt->root; at != NULL; at = sr_next_scope(&rt->root, at, true)) {
    if (at->kind != SR_SCOPE_TASK) continue;
    SrTask *t = SR_CONTAINER(at, SrTask, scope);
    sr_ask_place(at);
    t->future.state = SR_ENDED;
    t->future.status = SR_CANCELLED;
  }
  rt->root.children = NULL;
  rt->current = rt->main_task = NULL;
}

void sr_block_free_all(SrRuntime *rt) {
  for (unsigned i = 0; i < rt->blocks.count; i++) {
    SrBlock *block = rt->blocks.all[i];
    if (block->ops != NULL && block->ops->dispose != NULL) block->ops->dispose(NULL, block);
    free(block);
  }
  free(rt->blocks.all);
  rt->blocks.all = NULL;
  rt->blocks.free = NULL;
  rt->blocks.count = rt->blocks.capacity = 0;
  rt->blocks.freed_serial = rt->blocks.last_serial;
}
