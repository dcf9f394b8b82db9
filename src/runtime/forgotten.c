/* SPDX-License-Identifier: MIT */
/* Blocks that were forgotten. See forgotten.h. */
#include "runtime/forgotten.h"

#include "runtime/cancel.h"
#include "runtime/park.h"
#include "runtime/place.h"
#include "runtime/scope.h"

static SrBlock *block_of(const SrScope *scope) {
  return (SrBlock *)(void *)scope;
}

/* --- joining ---------------------------------------------------------------- */

static bool abort_join(SrTask *t) {
  (void)t;
  return false; /* its tasks are cancelled, and it goes on when they have ended */
}

static const SrKind join_kind = {.name = "the tasks of a forgotten scope", .abort = abort_join, .joins = true};

SrBlock *sr_forgotten_block(lua_State *L, SrTask *t, const SrScope *outer) {
  SrScope *outermost = NULL;
  SrBlock *busy = NULL;
  for (SrScope *at = t->current; at != outer; at = at->parent) {
    outermost = at;
    if (block_of(at)->running > 0 && busy == NULL) busy = block_of(at);
  }
  if (busy == NULL || t != t->rt->current || t->co != L || !lua_isyieldable(L)) return NULL;
  sr_scope_cancel(outermost);
  return busy;
}

int sr_forgotten_join(lua_State *L, SrTask *t, SrBlock *block, lua_KFunction k, lua_KContext ctx) {
  return sr_park_in(L, t, &join_kind, block, k, ctx);
}

void sr_forgotten_joined(lua_State *L, SrTask *t) {
  sr_was_woken(L, t);
  if (t->future.outcome == SR_BY_INTERRUPT) t->rt->interrupt.is_pending = 1;
  if (t->future.outcome == SR_BY_DEADLOCK) {
    lua_pushnil(L);
    sr_anchor_set(L, &t->object);
  }
  t->future.outcome = SR_WOKEN;
}

/* --- blaming ---------------------------------------------------------------- */

static const SrBlock *find_block(const SrTask *t, const SrScope *outer, uint64_t serial) {
  for (const SrScope *at = t->current; at != outer; at = at->parent)
    if (sr_scope_serial(at) == serial) return (const SrBlock *)(const void *)at;
  return NULL;
}

/* The CancelledError at 1 is that of the forgotten block at 2. */
static int l_blame(lua_State *L) {
  const SrBlock *block = (const SrBlock *)lua_touserdata(L, 2);
  sr_push_place(L, &block->scope);
  lua_pushfstring(L,
                  "cancelled: the deadline of a %s made at %s without <close> has passed: declare it as local x "
                  "<close> = ...",
                  block->ops->name, lua_tostring(L, -1));
  lua_pushliteral(L, "message");
  lua_insert(L, -2);
  lua_rawset(L, 1);
  return 0;
}

void sr_forgotten_blame(lua_State *L, const SrTask *t, const SrScope *outer, int index) {
  uint64_t serial;
  if (t->current == outer || !sr_is_own_cancel(L, index, t, &serial)) return;
  const SrBlock *block = find_block(t, outer, serial);
  if (block == NULL) return;
  if (outer->cause != NULL)
    sr_set_cancel_cause(L, index, outer->cause);
  else if (block->expired) {
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, (void *)block);
    sr_protected(L, l_blame, 2, 0);
  }
}
