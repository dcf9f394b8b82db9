/* SPDX-License-Identifier: MIT */
/* Tasks: spawn and end. See task.h. */
#include "runtime/task.h"

#include <string.h>

#include "runtime/cancel.h"
#include "runtime/debug.h"
#include "runtime/failure.h"
#include "runtime/future.h"
#include "runtime/handle.h"
#include "runtime/locals.h"
#include "runtime/park.h"
#include "runtime/place.h"
#include "runtime/pool.h"
#include "runtime/scope.h"

/* --- spawn ------------------------------------------------------------------ */

SrTask *sr_push_bare_task(lua_State *L, int nargs) {
  SrTask *t = (SrTask *)lua_newuserdatauv(L, sizeof(SrTask), nargs + 1);
  memset(t, 0, sizeof *t);
  t->future.head.cls = &sr_task_class;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_TASK_META));
  lua_setmetatable(L, -2);
  return t;
}

SrTask *sr_push_new_task(lua_State *L, int first, int nargs) {
  SrTask *t = sr_push_bare_task(L, nargs);
  for (int i = 0; i <= nargs; i++) {
    lua_pushvalue(L, first + i);
    lua_setiuservalue(L, -2, i + 1);
  }
  t->nargs = (uint16_t)nargs;
  return t;
}

/* Puts the handle on top where the live tasks are; it does not count as one until `commit`. Returns the slot. */
static uint32_t reserve(lua_State *L, SrRuntime *rt) {
  uint32_t slot;
  if (!sr_slots_peek(&rt->live, &slot)) luaL_error(L, "not enough memory");
  lua_pushvalue(L, -1);
  lua_rawseti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)slot);
  return slot;
}

static void commit(SrRuntime *rt, SrTask *t, uint32_t slot) {
  sr_slots_commit(&rt->live);
  t->rt = rt;
  t->slot = slot;
  t->current = &t->scope;
}

void sr_make_live(lua_State *L, SrRuntime *rt, SrTask *t) {
  commit(rt, t, reserve(L, rt));
}

void sr_start_task(lua_State *L, SrRuntime *rt, SrTask *t, SrScope *parent) {
  uint32_t slot = reserve(L, rt);
  SrTask *maker = parent->kind == SR_SCOPE_JOIN ? ((SrBlock *)(void *)parent)->task : rt->current;
  if (maker != NULL && maker->has_locals) sr_locals_inherit(L, t, maker);
  commit(rt, t, slot); /* from here on nothing can fail */
  t->id = ++rt->last_id;
  if (parent->kind == SR_SCOPE_JOIN) {
    t->scope.source = parent->source;
    t->scope.line = parent->line;
  } else
    sr_place(L, rt, &t->scope);
  sr_scope_enter(&t->scope, parent, SR_SCOPE_TASK);
  if (parent->kind != SR_SCOPE_RUN) ((SrBlock *)(void *)parent)->running++;
  sr_ready(rt, t);
}

SrTask *sr_spawn(lua_State *L, SrRuntime *rt, SrScope *parent, int first, int nargs) {
  SrTask *t = sr_push_new_task(L, first, nargs);
  sr_start_task(L, rt, t, parent);
  return t;
}

/* At the end of a run a task that starts itself anew is the same as one that goes on: what it swallowed counts on. */
SrTask *sr_spawn_free(lua_State *L, SrRuntime *rt, const SrTask *before, int first, int nargs) {
  SrTask *t = sr_spawn(L, rt, &rt->root, first, nargs);
  if (rt->is_closing && before != NULL) t->raised = before->raised + 1;
  return t;
}

static int k_unpacked(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

/* Calls the function that is its first upvalue with the arguments in the second, as many as the third says. */
static int l_unpacked(lua_State *L) {
  int count = (int)lua_tointeger(L, lua_upvalueindex(3));
  lua_settop(L, 0);
  luaL_checkstack(L, count + LUA_MINSTACK, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(1));
  for (int i = 1; i <= count; i++) lua_rawgeti(L, lua_upvalueindex(2), i);
  lua_callk(L, count, LUA_MULTRET, 0, k_unpacked);
  return k_unpacked(L, LUA_OK, 0);
}

int sr_pack_args(lua_State *L, int first) {
  int count = lua_gettop(L) - first;
  if (count <= SR_MAX_ARGS) return count;
  lua_createtable(L, count, 0);
  lua_insert(L, first + 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, first + 1, i);
  lua_pushinteger(L, count);
  lua_pushcclosure(L, l_unpacked, 3);
  return 0;
}

/* --- on_done ---------------------------------------------------------------- */

/* Takes the functions and the handle. */
static int l_call_back(lua_State *L) {
  SrTask *t = (SrTask *)lua_touserdata(L, 2);
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    lua_pushvalue(L, 2);
    SrTask *called = sr_spawn_free(L, t->rt, t, 3, 1);
    called->scope.source = t->scope.source; /* no Lua code spawned it */
    called->scope.line = t->scope.line;
    if (called->has_locals) sr_locals_drop(L, called); /* those of who ended the task; the function has its own */
    lua_settop(L, 2);
  }
  return 0;
}

/* Spawns the functions given to on_done. [-0, +0, -] */
static void call_back(lua_State *L, SrTask *t) {
  int top = lua_gettop(L);
  sr_push_task(L, t);
  sr_anchor_get(L, t);
  lua_pushvalue(L, top + 1);
  if (!sr_protected(L, l_call_back, 2, 0)) {
    sr_push_memory_error(L);
    lua_pushnil(L);
    sr_report(L, top + 2, top + 1, top + 3, "");
  }
  lua_settop(L, top);
  lua_pushnil(L);
  sr_anchor_set(L, t);
}

/* --- end -------------------------------------------------------------------- */

static SrStatus failure_status(lua_State *L, const SrTask *t, int error) {
  uint64_t serial;
  return t->scope.cause != NULL && sr_is_own_cancel(L, error, t, &serial) ? SR_CANCELLED : SR_FAILED;
}

/* Its outcome is kept. `live` is the index of the table of live tasks. [-0, +0, -] */
static void settle_task(lua_State *L, SrTask *t, int live, SrStatus status) {
  SrRuntime *rt = t->rt;
  t->future.state = SR_ENDED;
  sr_settle(L, &t->future, status);
  if (t->future.has_callbacks) call_back(L, t);
  if (t->scope.cancelled) {
    lua_pushnil(L);
    sr_anchor_set(L, &t->scope.cancelled);
  }
  if (t->has_locals) sr_locals_drop(L, t);
  if (t->place != 0 && t != rt->current) { /* its coroutine has been closed, or resumed by hand */
    sr_coroutine_drop(L, rt, t->place);
    t->place = 0;
  }
  lua_pushnil(L);
  lua_rawseti(L, live, (lua_Integer)t->slot);
  sr_slots_give(&rt->live, t->slot);
  SrScope *parent = t->scope.parent;
  sr_scope_exit(&t->scope);
  if (t == rt->main_task) rt->main_task = NULL;
  t->owner = parent->kind == SR_SCOPE_RUN ? NULL : (SrBlock *)(void *)parent;
  if (t->owner != NULL) t->owner->running--;
}

void sr_end_task(lua_State *L, SrTask *t, int first, bool ok) {
  uint32_t index = t->future.index;
  SrStatus status = ok ? SR_DONE : failure_status(L, t, first);
  sr_debug_end(L, t, status);
  sr_ask_place(&t->scope);
  if (t->scope.source > SR_LASTING_SOURCES) sr_keep_place(L, 1);
  sr_keep_outcome(L, &t->future, 1, sr_push_outcome(L, 1, first, status));
  settle_task(L, t, lua_upvalueindex(SR_UP_LIVE), status);
  SrBlock *owner = t->owner;
  if (owner == NULL) return;
  owner->ops->child_ended(owner, L, t, index);
  t->owner = NULL;
}

int sr_l_end_task(lua_State *L) {
  sr_end_task(L, (SrTask *)lua_touserdata(L, 1), 2, false);
  return 0;
}

/* There is no memory even for its error. The handle is on top. [-0, +0, -] */
static void end_bare(lua_State *L, SrTask *t) {
  sr_ask_place(&t->scope);
  sr_push_memory_error(L);
  lua_setiuservalue(L, -2, 1);
  t->future.count = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  settle_task(L, t, lua_gettop(L), SR_FAILED);
  lua_pop(L, 1);
}

void sr_finish_task(lua_State *L, SrTask *t, lua_CFunction end) {
  if (t->future.state != SR_ENDED) {
    if (sr_block_close_all(L, t)) lua_pop(L, 1);
    sr_push_task(L, t);
    lua_pushvalue(L, -1);
    lua_pushvalue(L, -3);
    sr_protected(L, end, 2, 0);
    if (t->future.state != SR_ENDED) end_bare(L, t);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  SrBlock *owner = t->owner;
  t->owner = NULL;
  if (owner != NULL) owner->ops->child_lost(owner);
}
