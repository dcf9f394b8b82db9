/* SPDX-License-Identifier: MIT */
/*
** The awaits of HTTP, see send.h: a slot, and the head of the response.
**
** Slots of the stack in every function of `send`: the pool, the request (its strings are what is
** sent from), the upload or nil, the transfer, which anchors them all.
*/
#include "http/send.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>

#include "http/pool.h"
#include "http/transfer.h"
#include "http/upload.h"

enum { POOL = 1, REQUEST, UPLOAD, TRANSFER, STARTED = TRANSFER, BACKEND };

static const saros_kind slot_kind = {.name = "http slot", .abort = sr_http_transfer_abort};
static const saros_kind head_kind = {.name = "http response", .abort = sr_http_transfer_abort};

static int park(lua_State *L, SrHttpTransfer *transfer, SrHttpAwaited awaited, const saros_kind *kind,
                lua_KFunction k) {
  transfer->awaited = awaited;
  return sr_http_saros->park(L, &transfer->wait, kind, k, (lua_KContext)transfer);
}

static SrHttpTransfer *new_transfer(lua_State *L, SrHttpPool *pool, const SrHttpRequest *request,
                                    const SrHttpBackend *backend) {
  SrHttpTransfer *transfer = lua_newuserdatauv(L, sizeof *transfer, 3);
  *transfer = (SrHttpTransfer){.type = &sr_http_transfer_type};
  transfer->pool = pool;
  transfer->request = request;
  transfer->head.length = -1;
  transfer->backend = backend;
  transfer->backend_at = HUGE_VAL;
  sr_http_set_type(L, &sr_http_transfer_type);
  lua_pushvalue(L, POOL);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, REQUEST);
  lua_setiuservalue(L, -2, 2);
  lua_pushvalue(L, UPLOAD);
  lua_setiuservalue(L, -2, 3);
  return transfer;
}

/* The collector ends what nobody has closed. */
static int l_gc(lua_State *L) {
  SrHttpTransfer *transfer = sr_http_check(L, 1, &sr_http_transfer_type);
  if (sr_http_is_open(transfer) && transfer->resource.name != NULL)
    sr_http_saros->collected(L, &transfer->resource, "http response");
  sr_http_transfer_end(transfer);
  if (transfer->decoder != NULL) sr_wire_decoder_free(transfer->decoder);
  sr_buffer_free(&transfer->lines);
  sr_buffer_free(&transfer->body);
  if (transfer->failure.name != NULL) sr_http_failure_free(&transfer->failure);
  transfer->decoder = NULL;
  return 0;
}

/* `started` is when the first hop began of which this is a later one, negative for a first one. */
static void set_clock(SrHttpTransfer *transfer, double started) {
  const SrHttpLimits *limits = &transfer->request->limits;
  double now = sr_http_saros->now(transfer->pool->runtime);
  transfer->started = started < 0 ? now : started;
  transfer->total_at = transfer->started + limits->total;
  transfer->pool_at = now + limits->pool;
  transfer->connect_at = HUGE_VAL;
  transfer->last_byte = now;
}

/* Pushes the body if all of it is here and nothing has to be decoded, else nil. */
static void push_arrived(lua_State *L, SrHttpTransfer *transfer) {
  if (sr_http_is_open(transfer) || sr_http_is_coded(transfer) || transfer->failure.name != NULL) {
    lua_pushnil(L);
    return;
  }
  lua_pushlstring(L, sr_buffer_front(&transfer->body), sr_buffer_length(&transfer->body));
  sr_buffer_free(&transfer->body);
}

/* Pushes what l_send returns. Head and body are handed out once, so the transfer keeps nothing of them. */
static int push_outcome(lua_State *L, SrHttpTransfer *transfer) {
  if (!sr_http_has_head(transfer)) return sr_http_failure_push(L, &transfer->failure);
  lua_settop(L, TRANSFER);
  lua_pushinteger(L, transfer->head.status);
  lua_pushlstring(L, sr_buffer_front(&transfer->lines), sr_buffer_length(&transfer->lines));
  lua_pushnumber(L, transfer->head_at - transfer->started);
  lua_pushboolean(L, transfer->head.cookies);
  sr_buffer_free(&transfer->lines);
  push_arrived(L, transfer);
  if (sr_http_is_open(transfer)) {
    transfer->resource.name = "http response";
    sr_http_saros->resource_open(L, &transfer->resource);
  }
  return 6;
}

static void on_run_end(saros_resource *resource) {
  SrHttpTransfer *transfer = (SrHttpTransfer *)((char *)resource - offsetof(SrHttpTransfer, resource));
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the run has ended");
}

static int k_head(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  return push_outcome(L, (SrHttpTransfer *)ctx);
}

/* The slot is held: the request goes out. */
static int launch(lua_State *L, SrHttpTransfer *transfer) {
  sr_http_transfer_launch(transfer);
  if (sr_http_has_head(transfer) || !sr_http_is_open(transfer))
    return sr_http_saros->ready(L, push_outcome(L, transfer));
  return park(L, transfer, SR_HTTP_AWAITS_HEAD, &head_kind, k_head);
}

static int k_slot(lua_State *L, int status, lua_KContext ctx) {
  SrHttpTransfer *transfer = (SrHttpTransfer *)ctx;
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  if (!sr_http_is_open(transfer)) return push_outcome(L, transfer);
  if (sr_http_saros->cancelled(L)) {
    sr_http_transfer_end(transfer);
    return sr_http_saros->raise(L);
  }
  return launch(L, transfer);
}

/* The prepared request, which stands in its table. [-0, +0, v] */
static SrHttpRequest *check_request(lua_State *L) {
  luaL_checktype(L, REQUEST, LUA_TTABLE);
  lua_rawgeti(L, REQUEST, 1);
  SrHttpRequest *request = sr_http_check(L, -1, &sr_http_request_type);
  lua_pop(L, 1);
  return request;
}

/*
** send(pool, request, upload or nil, started or nil, backend): sends a prepared request, up to the head of its response.
** A later hop says when the first one began. Returns the transfer, the status, the head, the seconds until it came, whether it sets
** cookies, and the body, or nil where that is still to be read from the transfer; or nil and the failure (see
** sr_http_failure_push). Arguments come checked from the Lua side: the place of a mistake is the caller of fetch.
** [-5, +6|2, v]
*/
static int l_send(lua_State *L) {
  SrHttpPool *pool = sr_http_check(L, POOL, &sr_http_pool_type);
  SrHttpRequest *request = check_request(L);
  SrHttpUpload *upload = lua_isnoneornil(L, UPLOAD) ? NULL : sr_http_check(L, UPLOAD, &sr_http_upload_type);
  double started = luaL_optnumber(L, STARTED, -1);
  const SrHttpBackend *backend = lua_touserdata(L, BACKEND);
  lua_settop(L, UPLOAD);
  sr_http_saros->check(L, request->caller);
  if (backend->prepare != NULL) backend->prepare(L, REQUEST, request);
  SrHttpTransfer *transfer =
      new_transfer(L, pool, request, backend); /* before anything is looked at: finalizers run in it */
  if (sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  if (pool->closed) {
    sr_http_saros->push_error(L, "ClosedError", "ECLOSED", "the session is closed");
    return lua_error(L);
  }
  sr_http_pool_attach(L, pool);
  transfer->resource.on_run_end = on_run_end;
  transfer->upload = upload;
  if (upload != NULL) upload->transfer = transfer;
  set_clock(transfer, started);
  sr_http_transfer_begin(transfer, pool);
  SrHttpSlotState state = sr_http_slot_take(&pool->slots, &transfer->slot, request->key);
  if (state == SR_HTTP_SLOT_HELD) return launch(L, transfer);
  if (state == SR_HTTP_SLOT_NONE) sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
  sr_http_transfer_arm(transfer);
  if (!sr_http_is_open(transfer)) return push_outcome(L, transfer);
  return park(L, transfer, SR_HTTP_AWAITS_SLOT, &slot_kind, k_slot);
}

void sr_http_open_send(lua_State *L) {
  static const luaL_Reg functions[] = {{"send", l_send}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, &sr_http_transfer_type, NULL, meta);
}
