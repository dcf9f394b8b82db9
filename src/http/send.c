/* SPDX-License-Identifier: MIT */
/* The awaits of HTTP, see send.h: a slot, and the head of the response. */
#include "http/send.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>

#include "http/pool.h"
#include "http/response.h"
#include "http/transfer.h"
#include "http/upload.h"

static const saros_kind slot_kind = {.name = "http slot", .abort = sr_http_transfer_abort};
static const saros_kind head_kind = {.name = "http response", .abort = sr_http_transfer_abort};

static int park(lua_State *L, SrHttpTransfer *transfer, SrHttpAwaited awaited, const saros_kind *kind,
                lua_KFunction k) {
  transfer->awaited = awaited;
  return sr_http_saros->park(L, &transfer->wait, kind, k, (lua_KContext)transfer);
}

/* `started` is when the first hop began of which this is a later one, negative for a first one. */
static void set_clock(SrHttpTransfer *transfer, double started, double now) {
  const SrHttpLimits *limits = &transfer->request->limits;
  transfer->started = started < 0 ? now : started;
  transfer->total_at = transfer->started + limits->total;
  transfer->pool_at = now + limits->pool;
  transfer->connect_at = HUGE_VAL;
  transfer->last_byte = now;
}

int sr_http_send_outcome(lua_State *L, SrHttpTransfer *transfer) {
  if (!sr_http_has_head(transfer)) return sr_http_failure_push(L, &transfer->failure);
  lua_settop(L, SR_HTTP_SENT);
  sr_http_response_begin(L, SR_HTTP_SENT, transfer);
  return 1;
}

static void on_run_end(saros_resource *resource) {
  SrHttpTransfer *transfer = (SrHttpTransfer *)((char *)resource - offsetof(SrHttpTransfer, resource));
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the run has ended");
}

static int k_head(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  SrHttpTransfer *transfer = (SrHttpTransfer *)ctx;
  return transfer->deliver(L, transfer);
}

/* The slot is held: the request goes out. */
static int launch(lua_State *L, SrHttpTransfer *transfer, double now) {
  sr_http_transfer_launch(transfer, now);
  if (sr_http_has_head(transfer) || !sr_http_is_open(transfer))
    return sr_http_saros->ready(L, transfer->deliver(L, transfer));
  return park(L, transfer, SR_HTTP_AWAITS_HEAD, &head_kind, k_head);
}

static int k_slot(lua_State *L, int status, lua_KContext ctx) {
  SrHttpTransfer *transfer = (SrHttpTransfer *)ctx;
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  if (!sr_http_is_open(transfer)) return transfer->deliver(L, transfer);
  if (sr_http_saros->cancelled(L)) {
    sr_http_transfer_end(transfer);
    return sr_http_saros->raise(L);
  }
  return launch(L, transfer, sr_http_saros->now(transfer->pool->runtime));
}

int sr_http_send(lua_State *L, SrHttpTransfer *transfer, double started) {
  SrHttpPool *pool = transfer->pool;
  if (sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  if (pool->closed) {
    sr_http_saros->push_error(L, "ClosedError", "ECLOSED", "the session is closed");
    return lua_error(L);
  }
  sr_http_pool_attach(L, pool);
  transfer->resource.on_run_end = on_run_end;
  if (transfer->upload != NULL) transfer->upload->transfer = transfer;
  double now = sr_http_saros->now(pool->runtime);
  set_clock(transfer, started, now);
  sr_http_transfer_begin(transfer, pool);
  SrHttpSlotState state = sr_http_slot_take(&pool->slots, &transfer->slot, transfer->request->key);
  if (state == SR_HTTP_SLOT_HELD) return launch(L, transfer, now);
  if (state == SR_HTTP_SLOT_NONE) sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
  sr_http_transfer_arm(transfer);
  if (!sr_http_is_open(transfer)) return transfer->deliver(L, transfer);
  return park(L, transfer, SR_HTTP_AWAITS_SLOT, &slot_kind, k_slot);
}

/* --- send() ------------------------------------------------------------------------- */

enum { POOL = 1, REQUEST, UPLOAD, STARTED, BACKEND };

/* The prepared request, which stands in its table, and is of that pool from now on. [-0, +0, v] */
static SrHttpRequest *check_request(lua_State *L, SrHttpPool *pool) {
  luaL_checktype(L, REQUEST, LUA_TTABLE);
  lua_rawgeti(L, REQUEST, 1);
  SrHttpRequest *request = sr_http_check(L, -1, &sr_http_request_type);
  lua_pushvalue(L, POOL);
  lua_setiuservalue(L, -2, 1);
  request->pool = pool;
  lua_pop(L, 1);
  return request;
}

/*
** send(pool, request, upload or nil, started or nil, backend): sends a prepared request, up to the head of its response.
** A later hop says when the first one began. Returns the Response, or nil and the failure (see sr_http_failure_push).
** Arguments come checked from the Lua side: the place of a mistake is the caller of fetch. [-5, +1|2, v]
*/
static int l_send(lua_State *L) {
  SrHttpPool *pool = sr_http_check(L, POOL, &sr_http_pool_type);
  SrHttpRequest *request = check_request(L, pool);
  SrHttpUpload *upload = lua_isnoneornil(L, UPLOAD) ? NULL : sr_http_check(L, UPLOAD, &sr_http_upload_type);
  double started = luaL_optnumber(L, STARTED, -1);
  const SrHttpBackend *backend = lua_touserdata(L, BACKEND);
  sr_http_saros->check(L, request->caller);
  if (backend->prepare != NULL) backend->prepare(L, REQUEST, request);
  request->is_settled = backend->kind == SR_HTTP_OWN;
  lua_settop(L, UPLOAD);
  SrHttpTransfer *transfer = sr_http_response_new(L, REQUEST); /* before anything is looked at: finalizers run in it */
  transfer->pool = pool;
  transfer->request = request;
  transfer->backend = backend;
  transfer->upload = upload;
  transfer->deliver = sr_http_send_outcome;
  lua_pushvalue(L, UPLOAD);
  lua_setiuservalue(L, -2, SR_HTTP_OF_UPLOAD);
  lua_replace(L, SR_HTTP_SENT);
  return sr_http_send(L, transfer, started);
}

void sr_http_open_send(lua_State *L) {
  static const luaL_Reg functions[] = {{"send", l_send}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
