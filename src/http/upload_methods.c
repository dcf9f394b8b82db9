/* SPDX-License-Identifier: MIT */
/*
** Uploads as the task sees them that gives the body. It writes until SR_HTTP_UPLOAD_BOUND bytes wait, then stands still
** until some have left.
*/
#include "http/upload_methods.h"

#include "http/transfer.h"
#include "http/upload.h"

/* Nothing is to be done: Lua code ends the transfer when the task that gives its body is cancelled. */
static int abort_upload(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind upload_kind = {.name = "http upload", .abort = abort_upload};

static SrHttpUpload *check_upload(lua_State *L) {
  return sr_http_check(L, 1, &sr_http_upload_type);
}

/* upload:wait() waits until bytes are wanted; false: they never will be (any more). [-1, +1, v] */
static int k_wait(lua_State *L, int status, lua_KContext ctx) {
  SrHttpUpload *upload = (SrHttpUpload *)ctx;
  (void)status;
  if (sr_http_saros->aborted(L) || sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  if (!upload->wanted && !upload->over) return sr_http_saros->park(L, &upload->wait, &upload_kind, k_wait, ctx);
  lua_pushboolean(L, !upload->over);
  return 1;
}

static int l_wait(lua_State *L) {
  SrHttpUpload *upload = check_upload(L);
  sr_http_saros->check(L, "upload");
  if (sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  if (!upload->wanted && !upload->over)
    return sr_http_saros->park(L, &upload->wait, &upload_kind, k_wait, (lua_KContext)upload);
  lua_pushboolean(L, !upload->over);
  return sr_http_saros->ready(L, 1);
}

/* Hands over what there is room for. True: all of the chunk, or nobody wants it. */
static bool hand_over(lua_State *L, SrHttpUpload *upload) {
  size_t length;
  const char *chunk = luaL_checklstring(L, 2, &length);
  while (!upload->over && upload->written < length) {
    size_t waiting = sr_buffer_length(&upload->bytes), count = length - upload->written;
    if (waiting >= SR_HTTP_UPLOAD_BOUND) return false;
    if (count > SR_HTTP_UPLOAD_BOUND - waiting) count = SR_HTTP_UPLOAD_BOUND - waiting;
    if (!sr_buffer_append(&upload->bytes, chunk + upload->written, count)) return luaL_error(L, "not enough memory");
    upload->written += count;
    if (upload->starved) sr_http_transfer_feed(upload->transfer);
  }
  return true;
}

/* upload:write(chunk) waits for room; false: nobody wants it (any more). [-2, +1, v] */
static int k_write(lua_State *L, int status, lua_KContext ctx) {
  SrHttpUpload *upload = (SrHttpUpload *)ctx;
  (void)status;
  if (sr_http_saros->aborted(L) || sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  if (!hand_over(L, upload)) return sr_http_saros->park(L, &upload->wait, &upload_kind, k_write, ctx);
  lua_pushboolean(L, !upload->over);
  return 1;
}

static int l_write(lua_State *L) {
  SrHttpUpload *upload = check_upload(L);
  sr_http_saros->check(L, "upload");
  if (sr_http_saros->cancelled(L)) return sr_http_saros->raise(L);
  upload->written = 0;
  if (!hand_over(L, upload)) return sr_http_saros->park(L, &upload->wait, &upload_kind, k_write, (lua_KContext)upload);
  lua_pushboolean(L, !upload->over);
  return sr_http_saros->ready(L, 1);
}

/* upload:finish(): that was all. [-1, +0, v] */
static int l_finish(lua_State *L) {
  SrHttpUpload *upload = check_upload(L);
  upload->ended = true;
  if (upload->starved) sr_http_transfer_feed(upload->transfer);
  return 0;
}

/* upload:fail(): the body cannot be given, the request cannot be sent. [-1, +0, v] */
static int l_fail(lua_State *L) {
  SrHttpUpload *upload = check_upload(L);
  if (upload->transfer != NULL)
    sr_http_transfer_fail(upload->transfer, "FetchError", "ECANCELED", "the body of the request failed");
  upload->over = true;
  return 0;
}

/* The block that gives the body is left, by an error or well. [-2, +0, v] */
static int l_close(lua_State *L) {
  return lua_isnoneornil(L, 2) ? 0 : l_fail(L);
}

static int l_gc(lua_State *L) {
  SrHttpUpload *upload = check_upload(L);
  if (upload->transfer != NULL) upload->transfer->upload = NULL;
  sr_buffer_free(&upload->bytes);
  return 0;
}

/* upload(caller), where that may wait [-1, +1, v] */
static int l_upload(lua_State *L) {
  sr_http_saros->check(L, luaL_checkstring(L, 1));
  SrHttpUpload *upload = lua_newuserdatauv(L, sizeof *upload, 0);
  *upload = (SrHttpUpload){.type = &sr_http_upload_type};
  sr_http_set_type(L, &sr_http_upload_type);
  return 1;
}

void sr_http_open_upload(lua_State *L) {
  static const luaL_Reg functions[] = {{"upload", l_upload}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"wait", l_wait}, {"write", l_write}, {"finish", l_finish}, {"fail", l_fail}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__close", l_close}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, &sr_http_upload_type, methods, meta);
}
