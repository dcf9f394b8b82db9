/* SPDX-License-Identifier: MIT */
/* shield: a scope that outer cancellation does not reach, or only after a while. */
#include <math.h>

#include "combine/items.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/forgotten.h"

static const SrBlockOps shield_ops = {.name = "shield"};

/* The frame: (awaitable, seconds, handler, results...). */
enum { SHIELD_HANDLER = 3 };

/* The limit passed: what comes out is the cancellation from outside, which has waited until now. */
static bool is_limit(lua_State *L, const SrTask *t, uint64_t serial) {
  uint64_t cause;
  return sr_is_own_cancel(L, -1, t, &cause) && cause == serial;
}

static int k_joined(lua_State *L, int status, lua_KContext ctx);

static int leave(lua_State *L, SrBlock *block) {
  SrTask *t = block->task;
  uint64_t serial = block->serial;
  bool failed = block->failed;
  int top = lua_gettop(L);
  SrBlock *busy = sr_forgotten_block(L, t, &block->scope);
  if (busy != NULL) return sr_forgotten_join(L, t, busy, k_joined, (lua_KContext)block);
  if (failed) sr_forgotten_blame(L, t, &block->scope, top);
  bool forgotten = sr_block_close(L, block);
  if (!failed) return forgotten ? lua_error(L) : sr_return(L, t, top - SHIELD_HANDLER);
  if (forgotten) sr_debug_forgotten(L);
  lua_settop(L, top);
  if (is_limit(L, t, serial)) sr_throw_outer(L, t);
  return lua_error(L);
}

static int k_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  sr_forgotten_joined(L, ((SrBlock *)ctx)->task);
  return leave(L, (SrBlock *)ctx);
}

static int k_shield(lua_State *L, int status, lua_KContext ctx) {
  SrBlock *block = (SrBlock *)ctx;
  block->failed = status != LUA_OK && status != LUA_YIELD;
  return leave(L, block);
}

/* shield(awaitable [, seconds]): runs it in this task, out of reach of cancellation from outside. Waits. */
static int l_shield(lua_State *L) {
  sr_check_awaitable(L, "shield", 1, 1);
  double seconds = sr_check_deadline(L, "shield", 2, 2);
  SrTask *t = sr_check_wait(L, "shield");
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  int nargs = sr_push_call(L, 1, false);
  bool is_cancelled = t->current->cause != NULL;
  SrBlock *block = sr_block_open(L, t, SR_SCOPE_SHIELD, &shield_ops, sizeof(SrBlock));
  block->framed = true;
  if (is_cancelled)
    sr_block_start(L, block, seconds);
  else
    block->seconds = seconds; /* the time begins when a cancellation comes */
  lua_KContext ctx = (lua_KContext)block;
  return k_shield(L, lua_pcallk(L, nargs, LUA_MULTRET, SHIELD_HANDLER, ctx, k_shield), ctx);
}

void sr_open_shield(lua_State *L) {
  static const luaL_Reg functions[] = {{"shield", l_shield}, {NULL, NULL}};
  sr_set_functions(L, functions);
}
