/* SPDX-License-Identifier: MIT */
/*
** The awaits of HTTP, see exchange.h: a slot, the head of the answer, its body.
**
** Slots of the stack in every function of `send`: the pool, the plan (its strings
** are what libcurl sends from), the transfer, which anchors both.
*/
#include "http/exchange.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "http/transfer.h"

#define TRANSFER_TYPE "saros.http.transfer"

enum { POOL = 1, PLAN = 2, TRANSFER = 3 };

#define owner_of(pointer) ((SrTransfer *)((char *)(pointer)-offsetof(SrTransfer, wait)))

/* Cancelling a request, in whatever phase, is ending it: its slot is free at once. */
static int abort_transfer(saros_wait *wait) {
  SrTransfer *transfer = owner_of(wait);
  transfer->awaited = SR_AWAITS_NOTHING;
  sr_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return 1;
}

static const saros_kind slot_kind = {"http slot", abort_transfer};
static const saros_kind head_kind = {"http response", abort_transfer};
static const saros_kind body_kind = {"http body", abort_transfer};

static int park(lua_State *L, SrTransfer *transfer, SrAwaited awaited, const saros_kind *kind, lua_KFunction k) {
  transfer->awaited = awaited;
  return sr_saros->park(L, &transfer->wait, kind, k, (lua_KContext)transfer);
}

/* --- send ------------------------------------------------------------------ */

static SrTransfer *new_transfer(lua_State *L, SrPool *pool, const SrPlan *plan) {
  SrTransfer *transfer = lua_newuserdatauv(L, sizeof *transfer, 2);
  *transfer = (SrTransfer){0};
  transfer->pool = pool;
  transfer->plan = plan;
  transfer->length = -1;
  transfer->digest = plan->extras.digest;
  luaL_setmetatable(L, TRANSFER_TYPE);
  lua_pushvalue(L, POOL);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, PLAN);
  lua_setiuservalue(L, -2, 2);
  return transfer;
}

/* `started` is when the exchange began of which this is a later hop, negative for a first one. */
static void set_clock(SrTransfer *transfer, double started) {
  const SrLimits *limits = &transfer->plan->limits;
  double now = sr_saros->now(transfer->pool->runtime);
  transfer->started = started < 0 ? now : started;
  transfer->total_at = transfer->started + limits->total;
  transfer->pool_at = now + limits->pool;
  transfer->connect_at = HUGE_VAL;
  transfer->last_byte = now;
}

/* nil and the failure, or the transfer with status, head and elapsed time; the head is handed out once. */
static int push_outcome(lua_State *L, SrTransfer *transfer) {
  if (!transfer->head_done) return sr_failure_push(L, &transfer->failure);
  lua_settop(L, TRANSFER);
  lua_pushinteger(L, transfer->status);
  lua_pushlstring(L, sr_buffer_front(&transfer->head), sr_buffer_length(&transfer->head));
  lua_pushnumber(L, transfer->head_at - transfer->started);
  sr_buffer_free(&transfer->head);
  if (transfer->open) {
    transfer->resource.name = "http response";
    sr_saros->resource_open(L, &transfer->resource);
  }
  return 4;
}

static void on_run_end(saros_resource *resource) {
  SrTransfer *transfer = (SrTransfer *)((char *)resource - offsetof(SrTransfer, resource));
  sr_transfer_fail(transfer, "ClosedError", "ECLOSED", "the run has ended");
}

static int k_head(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_saros->aborted(L)) return sr_saros->raise(L);
  return push_outcome(L, (SrTransfer *)ctx);
}

/* The slot is held: the request leaves. */
static int launch(lua_State *L, SrTransfer *transfer) {
  SrPool *pool = transfer->pool;
  SrChannel *channel = sr_pool_take_channel(pool);
  if (channel == NULL) {
    sr_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
    return push_outcome(L, transfer);
  }
  const char *refusal = sr_channel_load(channel, transfer->plan);
  if (refusal != NULL) {
    sr_pool_give_channel(pool, channel);
    sr_transfer_fail(transfer, "FetchError", "EINVAL", refusal);
    return push_outcome(L, transfer);
  }
  if (channel->multi != pool->multi) {
    channel->multi = pool->multi;
    sr_multi_equip(pool->multi, channel->easy);
  }
  transfer->connect_at = sr_saros->now(pool->runtime) + transfer->plan->limits.connect;
  sr_transfer_launch(transfer, channel);
  if (transfer->head_done || !transfer->open) return sr_saros->ready(L, push_outcome(L, transfer));
  return park(L, transfer, SR_AWAITS_HEAD, &head_kind, k_head);
}

static int k_slot(lua_State *L, int status, lua_KContext ctx) {
  SrTransfer *transfer = (SrTransfer *)ctx;
  (void)status;
  if (sr_saros->aborted(L)) return sr_saros->raise(L);
  if (!transfer->open) return push_outcome(L, transfer);
  if (sr_saros->cancelled(L)) {
    sr_transfer_end(transfer);
    return sr_saros->raise(L);
  }
  return launch(L, transfer);
}

/* Arguments come checked from the Lua side: the place of a mistake is the caller of fetch. */
int sr_exchange_send(lua_State *L) {
  SrPool *pool = sr_pool_check(L, POOL);
  const SrPlan *plan = sr_plan_check(L, PLAN);
  double started = luaL_optnumber(L, TRANSFER, -1);
  lua_settop(L, PLAN);
  sr_saros->check(L, plan->caller);
  if (sr_saros->cancelled(L)) return sr_saros->raise(L);
  if (pool->closed) {
    sr_saros->push_error(L, "ClosedError", "ECLOSED", "the session is closed");
    return lua_error(L);
  }
  sr_pool_attach(L, pool);
  SrTransfer *transfer = new_transfer(L, pool, plan);
  transfer->resource.on_run_end = on_run_end;
  set_clock(transfer, started);
  sr_transfer_begin(transfer, pool);
  int taken = sr_slot_take(&pool->slots, &transfer->slot, plan->key);
  if (taken == 1) return launch(L, transfer);
  if (taken < 0) sr_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
  sr_transfer_arm(transfer);
  if (!transfer->open) return push_outcome(L, transfer);
  return park(L, transfer, SR_AWAITS_SLOT, &slot_kind, k_slot);
}

/* --- reading --------------------------------------------------------------- */

static SrTransfer *check_transfer(lua_State *L, int index) {
  return luaL_checkudata(L, index, TRANSFER_TYPE);
}

/* What can be said at once: bytes, the end, a failure. Gives the number of results, 0 if one has to wait. */
static int push_body(lua_State *L, SrTransfer *transfer, size_t limit, int whole) {
  size_t length = sr_buffer_length(&transfer->body);
  if (whole && transfer->open) return 0;
  if (whole ? transfer->failure.name == NULL : length > 0) {
    if (length > limit) length = limit;
    lua_pushlstring(L, sr_buffer_front(&transfer->body), length);
    sr_buffer_take(&transfer->body, length);
    if (!transfer->open && sr_buffer_length(&transfer->body) == 0) sr_buffer_free(&transfer->body);
    return 1;
  }
  if (transfer->failure.name != NULL) return sr_failure_push(L, &transfer->failure);
  if (transfer->open) return 0;
  lua_pushnil(L);
  return 1;
}

/* A cancelled read is a cancelled request. */
static int raise_cancelled(lua_State *L, SrTransfer *transfer) {
  sr_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return sr_saros->raise(L);
}

/* Another task may have read between the wake and this turn: then wait again. */
static int k_read(lua_State *L, int status, lua_KContext ctx) {
  SrTransfer *transfer = (SrTransfer *)ctx;
  (void)status;
  if (sr_saros->aborted(L)) return sr_saros->raise(L);
  int count = push_body(L, transfer, (size_t)luaL_optinteger(L, 2, LUA_MAXINTEGER), 0);
  if (count == 0 && sr_saros->cancelled(L)) return raise_cancelled(L, transfer);
  if (count == 0) return park(L, transfer, SR_AWAITS_DATA, &body_kind, k_read);
  sr_transfer_resume(transfer);
  return count;
}

static int k_read_all(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_saros->aborted(L)) return sr_saros->raise(L);
  return push_body(L, (SrTransfer *)ctx, SIZE_MAX, 1);
}

/*
** Before a read that may have to wait. A response that has ended is read without a loop: its bytes
** are here. [-0, +0, v]
*/
static void check_reader(lua_State *L, SrTransfer *transfer, const char *function) {
  if (transfer->open) sr_saros->check(L, function);
  if (transfer->awaited == SR_AWAITS_NOTHING) return;
  sr_saros->push_error(L, "BusyError", "EBUSY", "another task reads this response");
  lua_error(L);
}

/* transfer:read([limit]) gives bytes, nil at the end, or nil and the failure. [-2, +1|6, v] */
static int l_read(lua_State *L) {
  SrTransfer *transfer = check_transfer(L, 1);
  lua_Integer limit = luaL_optinteger(L, 2, LUA_MAXINTEGER);
  lua_settop(L, 2);
  check_reader(L, transfer, "read");
  if (!transfer->open) return push_body(L, transfer, (size_t)limit, 0);
  if (sr_saros->cancelled(L)) return raise_cancelled(L, transfer);
  int count = push_body(L, transfer, (size_t)limit, 0);
  if (count > 0) {
    sr_transfer_resume(transfer);
    return sr_saros->ready(L, count);
  }
  return park(L, transfer, SR_AWAITS_DATA, &body_kind, k_read);
}

/* transfer:read_all() gives all bytes, or nil and the failure. [-1, +1|6, v] */
static int l_read_all(lua_State *L) {
  SrTransfer *transfer = check_transfer(L, 1);
  check_reader(L, transfer, "text");
  if (transfer->open && sr_saros->cancelled(L)) return raise_cancelled(L, transfer);
  transfer->unbounded = 1;
  sr_transfer_resume(transfer);
  int count = push_body(L, transfer, SIZE_MAX, 1);
  if (count > 0) return count;
  return park(L, transfer, SR_AWAITS_END, &body_kind, k_read_all);
}

/* transfer:done() tells whether the answer has arrived, or failed. [-1, +1, v] */
static int l_done(lua_State *L) {
  lua_pushboolean(L, !check_transfer(L, 1)->open);
  return 1;
}

/* transfer:length() gives the Content-Length or nil. [-1, +1, v] */
static int l_length(lua_State *L) {
  const SrTransfer *transfer = check_transfer(L, 1);
  if (transfer->length >= 0)
    lua_pushinteger(L, (lua_Integer)transfer->length);
  else
    lua_pushnil(L);
  return 1;
}

static int l_close(lua_State *L) {
  SrTransfer *transfer = check_transfer(L, 1);
  sr_transfer_fail(transfer, "ClosedError", "ECLOSED", "the response is closed");
  sr_failure_free(&transfer->failure);
  sr_failure_set(&transfer->failure, "ClosedError", "ECLOSED", "the response is closed");
  sr_buffer_free(&transfer->body);
  return 0;
}

static int l_gc(lua_State *L) {
  SrTransfer *transfer = check_transfer(L, 1);
  if (transfer->open && transfer->resource.name != NULL) sr_saros->collected(L, &transfer->resource, "http response");
  sr_transfer_end(transfer);
  sr_buffer_free(&transfer->head);
  sr_buffer_free(&transfer->body);
  sr_failure_free(&transfer->failure);
  return 0;
}

void sr_exchange_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", l_read},     {"read_all", l_read_all}, {"done", l_done},
                                     {"length", l_length}, {"close", l_close},       {NULL, NULL}};
  luaL_newmetatable(L, TRANSFER_TYPE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}
