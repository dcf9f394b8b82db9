/* SPDX-License-Identifier: MIT */
/* Children that begin later. See starter.h. */
#include "runtime/starter.h"

#include "runtime/park.h"
#include "runtime/scope.h"
#include "runtime/task.h"

enum {
  MOST_ARGS = 6,     /* of a child that becomes a task before its turn */
  MOST_SPARES = 1024 /* that are kept */
};

/* --- starting --------------------------------------------------------------- */

bool sr_start_later(SrRuntime *rt, SrStarter *starter, SrBlock *block, uint32_t index, uint32_t count) {
  if (starter->count == 0) {
    starter->waiter.kind = &sr_starter_kind;
    starter->block = block;
    starter->index = index;
    starter->id = rt->last_id + 1;
    sr_enqueue(rt, &starter->waiter);
  } else if (rt->ready.last != &starter->waiter || rt->last_id + 1 != starter->id + starter->count)
    return false;
  starter->count += count;
  rt->last_id += count;
  rt->ready.count += count;
  rt->ready.unbegun += count;
  block->running += count;
  return true;
}

void sr_unstart(SrRuntime *rt, SrStarter *starter) {
  if (starter->count == 0) return;
  sr_dequeue(rt, &starter->waiter);
  rt->ready.count -= starter->count;
  rt->ready.unbegun -= starter->count;
  starter->block->running -= starter->count;
  starter->count = 0;
}

/* --- beginning -------------------------------------------------------------- */

/* The first child has become `t`, or is lost: the next one is the first. */
static void advance(SrRuntime *rt, SrStarter *starter) {
  starter->index++;
  starter->id++;
  rt->ready.unbegun--;
  if (--starter->count == 0) sr_dequeue(rt, &starter->waiter);
}

/* Makes the first child of `t`, a live task without a scope. Its place is that of its block. */
static void take_child(SrRuntime *rt, SrStarter *starter, SrTask *t) {
  SrScope *scope = &starter->block->scope;
  t->id = starter->id;
  t->future.index = starter->index;
  t->future.state = SR_NEW;
  t->scope.source = scope->source;
  t->scope.line = scope->line;
  sr_scope_enter(&t->scope, scope, SR_SCOPE_TASK);
  advance(rt, starter);
}

static SrTask *take_spare(SrRuntime *rt) {
  SrTask *t = sr_task_of(rt->ready.spares);
  rt->ready.spares = t->waiter.next;
  rt->ready.spare_count--;
  return t;
}

SrTask *sr_begin_child(SrRuntime *rt, SrStarter *starter) {
  SrTask *t = take_spare(rt);
  t->future.outcome = SR_WOKEN;
  t->waiter.kind = NULL;
  t->object = NULL;
  t->co = NULL;
  t->nargs = SR_BY_BLOCK;
  t->raised = 0;
  t->place = 0; /* its coroutine has gone on to others */
  t->is_unseen = true;
  take_child(rt, starter, t);
  rt->ready.count--;
  return t;
}

void sr_lose_child(SrRuntime *rt, SrStarter *starter) {
  SrBlock *block = starter->block;
  advance(rt, starter);
  rt->ready.count--;
  block->running--;
  block->ops->child_lost(block);
}

static int l_nothing(lua_State *L) {
  (void)L;
  return 0;
}

int sr_push_child_call(lua_State *L, const SrTask *t) {
  SrBlock *block = (SrBlock *)(void *)t->scope.parent;
  if (block->scope.kind == SR_SCOPE_JOIN) return block->ops->push_call(block, L, t->future.index);
  lua_pushcfunction(L, l_nothing); /* a finalizer has closed the block by force, between its beginning and its step */
  return 0;
}

/* --- before their turn ------------------------------------------------------- */

/* The first child becomes the task whose handle is on top, and stands in the queue before the others. [-1, +0, m] */
static void begin_in_place(lua_State *L, SrRuntime *rt, SrStarter *starter) {
  SrTask *t = (SrTask *)lua_touserdata(L, -1);
  SrBlock *block = starter->block;
  int handle = lua_gettop(L);
  sr_make_live(L, rt, t);
  int nargs = block->ops->push_call(block, L, starter->index);
  for (int i = nargs + 1; i >= 1; i--) lua_setiuservalue(L, handle, i);
  t->nargs = (uint16_t)nargs;
  sr_enqueue_before(rt, &starter->waiter, &t->waiter);
  take_child(rt, starter, t);
  lua_settop(L, handle - 1);
}

void sr_begin_rest(lua_State *L, SrRuntime *rt, SrStarter *starter) {
  while (starter->count > 0) {
    sr_push_bare_task(L, MOST_ARGS); /* runs finalizers: there may be none any more */
    if (starter->count > 0)
      begin_in_place(L, rt, starter);
    else
      lua_pop(L, 1);
  }
}

/* The handles are made before. Finalizers run until then, and what they start later begins at its turn. */
void sr_begin_all(lua_State *L, SrRuntime *rt) {
  lua_Integer room = (lua_Integer)rt->ready.unbegun, used = 0;
  if (room == 0) return;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_createtable(L, (int)room, 0);
  for (lua_Integer i = 1; i <= room; i++) {
    sr_push_bare_task(L, MOST_ARGS);
    lua_rawseti(L, -2, i);
  }
  for (SrWaiter *waiter = rt->ready.first, *next; waiter != NULL && used < room; waiter = next) {
    next = waiter->next;
    if (!sr_is_starter(waiter)) continue;
    SrStarter *starter = SR_CONTAINER(waiter, SrStarter, waiter);
    for (uint32_t count = starter->count; count > 0 && used < room; count--) {
      lua_rawgeti(L, -1, ++used);
      begin_in_place(L, rt, starter);
    }
  }
  lua_pop(L, 1);
}

/* --- records ---------------------------------------------------------------- */

static void add_spare(SrRuntime *rt, SrTask *t) {
  t->waiter.next = rt->ready.spares;
  rt->ready.spares = &t->waiter;
  rt->ready.spare_count++;
}

/* Makes a spare, which stands among the live tasks, but has ended. [-0, +1, m] */
static void push_spare(lua_State *L, SrRuntime *rt) {
  SrTask *t = sr_push_bare_task(L, 0);
  sr_make_live(L, rt, t);
  t->future.state = SR_ENDED;
  add_spare(rt, t);
}

static int l_make_spare(lua_State *L) {
  push_spare(L, sr_rt(L));
  return 0;
}

void sr_need_spare(lua_State *L, SrRuntime *rt) {
  if (rt->ready.spares != NULL) return;
  push_spare(L, rt);
  lua_pop(L, 1);
}

bool sr_make_spare(lua_State *L, SrRuntime *rt) {
  return rt->ready.spares != NULL || sr_protected(L, l_make_spare, 0, 0);
}

void sr_vacate(SrTask *t) {
  SrBlock *block = (SrBlock *)(void *)t->scope.parent;
  t->future.state = SR_ENDED;
  t->id = 0; /* nothing belongs to it any more */
  sr_scope_exit(&t->scope);
  block->running--;
}

void sr_put_aside(lua_State *L, SrRuntime *rt, SrTask *t) {
  if (rt->ready.spare_count < MOST_SPARES) {
    add_spare(rt, t);
    return;
  }
  lua_pushnil(L);
  lua_rawseti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  sr_slots_give(&rt->live, t->slot);
}

void sr_drop_spares(lua_State *L, SrRuntime *rt) {
  while (rt->ready.spares != NULL) {
    lua_pushnil(L);
    lua_rawseti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)take_spare(rt)->slot);
  }
}
