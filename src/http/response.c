/* SPDX-License-Identifier: MIT */
/*
** Responses, see response.h.
**
** A body that came with the head is a Lua string at once, so that the collector knows what it takes. Making strings lets
** finalizers run, which may use the response: what has to be true then is looked at again behind it.
*/
#include "http/response.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "http/pool.h"
#include "http/transfer.h"

/* Slots of the stack in methods. */
enum { SELF = 1, NAME, VALUE };

/* Fields whose values are made here. */
typedef enum Field { FIELD_STATUS = 1, FIELD_OK, FIELD_ELAPSED } Field;

SrHttpTransfer *sr_http_response_new(lua_State *L, int index) {
  SrHttpTransfer *transfer = lua_newuserdatauv(L, sizeof *transfer, SR_HTTP_USER_VALUES);
  memset(transfer, 0, offsetof(SrHttpTransfer, small_head));
  transfer->type = &sr_http_transfer_type;
  transfer->head.length = -1;
  transfer->backend_at = HUGE_VAL;
  sr_http_set_type(L, &sr_http_transfer_type);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, SR_HTTP_OF_REQUEST);
  return transfer;
}

/* --- the head has come ------------------------------------------------------------ */

static void keep_head(lua_State *L, int index, SrHttpTransfer *transfer) {
  if (transfer->lines.data == NULL) return;
  lua_pushlstring(L, sr_buffer_front(&transfer->lines), sr_buffer_length(&transfer->lines));
  lua_setiuservalue(L, index, SR_HTTP_OF_HEAD);
  sr_buffer_free(&transfer->lines);
}

/* The body if all of it is here and nothing has to be decoded. */
static void keep_body(lua_State *L, int index, SrHttpTransfer *transfer) {
  if (sr_http_is_open(transfer) || sr_http_is_coded(transfer) || transfer->failure.name != NULL) return;
  lua_pushlstring(L, sr_buffer_front(&transfer->body), sr_buffer_length(&transfer->body));
  lua_setiuservalue(L, index, SR_HTTP_OF_BODY);
  sr_http_spare_give(&transfer->pool->spares, &transfer->body);
}

void sr_http_response_begin(lua_State *L, int index, SrHttpTransfer *transfer) {
  keep_head(L, index, transfer);
  keep_body(L, index, transfer);
  if (!sr_http_is_open(transfer)) return;
  transfer->resource.name = "http response";
  sr_http_saros->resource_open(L, &transfer->resource);
}

/* Nothing more can be read of it. */
static void shut(SrHttpTransfer *transfer) {
  sr_http_failure_close(&transfer->failure);
  sr_buffer_free(&transfer->body);
  transfer->handed++;
  transfer->decode_failed = true;
}

/* Whether reading would go on, or raise. */
static bool has_rest(const SrHttpTransfer *transfer) {
  if (sr_http_is_open(transfer) || transfer->failure.name != NULL) return true;
  if (sr_buffer_length(&transfer->body) > 0) return true;
  return transfer->decoder != NULL && !transfer->decode_failed && !sr_wire_decoder_ended(transfer->decoder);
}

/* The collector ends what nobody has closed. Finalizers of what is older come later, and may still read and close it. */
static int l_gc(lua_State *L) {
  SrHttpTransfer *transfer = sr_http_check(L, SELF, &sr_http_transfer_type);
  if (sr_http_is_open(transfer) && transfer->resource.name != NULL)
    sr_http_saros->collected(L, &transfer->resource, "http response");
  bool is_cut = has_rest(transfer);
  sr_http_transfer_end(transfer);
  if (is_cut) shut(transfer);
  if (transfer->decoder != NULL) sr_wire_decoder_free(transfer->decoder);
  sr_buffer_free(&transfer->lines);
  sr_buffer_free(&transfer->body);
  transfer->decoder = NULL;
  transfer->decode_failed = true; /* no other decoder */
  return 0;
}

/* --- fields and text ---------------------------------------------------------------- */

static SrHttpTransfer *test(lua_State *L) {
  SrHttpTransfer *transfer = lua_touserdata(L, SELF);
  bool is_full = transfer != NULL && lua_rawlen(L, SELF) >= sizeof(SrHttpType *); /* light userdata has no length */
  return is_full && transfer->type == &sr_http_transfer_type ? transfer : NULL;
}

static void push_field(lua_State *L, const SrHttpTransfer *transfer, Field field) {
  int status = transfer->head.status;
  switch (field) {
  case FIELD_STATUS: lua_pushinteger(L, status); break;
  case FIELD_OK: lua_pushboolean(L, status >= 200 && status <= 299); break;
  case FIELD_ELAPSED: lua_pushnumber(L, transfer->head_at - transfer->started); break;
  }
}

/* Pushes the field if it has been set or made. */
static bool push_kept(lua_State *L) {
  lua_getiuservalue(L, SELF, SR_HTTP_OF_FIELDS);
  lua_pushvalue(L, NAME);
  bool is_kept = lua_rawget(L, -2) != LUA_TNIL;
  if (!is_kept) lua_pop(L, 2);
  return is_kept;
}

/* Its upvalues: methods and Fields by name, and the function that makes the other fields. */
static int l_index(lua_State *L) {
  SrHttpTransfer *transfer = sr_http_check(L, SELF, &sr_http_transfer_type);
  lua_settop(L, NAME);
  if (transfer->has_fields && push_kept(L)) return 1;
  lua_pushvalue(L, NAME);
  int type = lua_rawget(L, lua_upvalueindex(1));
  if (type == LUA_TNUMBER) push_field(L, transfer, (Field)lua_tointeger(L, -1));
  if (type != LUA_TNIL) return 1;
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, SELF);
  lua_pushvalue(L, NAME);
  lua_call(L, 2, 1);
  return 1;
}

static int l_newindex(lua_State *L) {
  SrHttpTransfer *transfer = sr_http_check(L, SELF, &sr_http_transfer_type);
  lua_settop(L, VALUE);
  if (lua_getiuservalue(L, SELF, SR_HTTP_OF_FIELDS) != LUA_TTABLE) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, SELF, SR_HTTP_OF_FIELDS);
    transfer->has_fields = true;
  }
  lua_pushvalue(L, NAME);
  lua_pushvalue(L, VALUE);
  lua_rawset(L, -3);
  return 0;
}

/* Whether the string that is there is all that text() has to give. */
static bool is_text(const SrHttpTransfer *transfer) {
  if (transfer->reading != SR_HTTP_UNREAD) return transfer->reading == SR_HTTP_WHOLE;
  return transfer->request != NULL && !transfer->request->streamed && !transfer->request->reports;
}

static int k_text(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 1;
}

/* response:text(). Its upvalues: the runtime, which marks it as saros' own, and what does it in every case. */
static int l_text(lua_State *L) {
  SrHttpTransfer *transfer = test(L);
  if (transfer != NULL && is_text(transfer) && lua_getiuservalue(L, SELF, SR_HTTP_OF_BODY) == LUA_TSTRING) {
    transfer->reading = SR_HTTP_WHOLE;
    return 1;
  }
  lua_settop(L, SELF);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, SELF);
  lua_callk(L, 1, 1, 0, k_text);
  return 1;
}

/* --- for Lua's side -------------------------------------------------------------------- */

static SrHttpTransfer *check(lua_State *L) {
  return sr_http_check(L, SELF, &sr_http_transfer_type);
}

/* request(response) gives the table of the prepared request. [-1, +1, v] */
static int l_request(lua_State *L) {
  check(L);
  lua_getiuservalue(L, SELF, SR_HTTP_OF_REQUEST);
  return 1;
}

/* head(response) gives the status line and the header lines. [-1, +1, v] */
static int l_head(lua_State *L) {
  const SrHttpTransfer *transfer = check(L);
  if (lua_getiuservalue(L, SELF, SR_HTTP_OF_HEAD) != LUA_TSTRING)
    lua_pushlstring(L, transfer->small_head, transfer->small_length);
  return 1;
}

/* sets_cookies(response) [-1, +1, v] */
static int l_sets_cookies(lua_State *L) {
  lua_pushboolean(L, check(L)->head.cookies);
  return 1;
}

/* body(response) gives the body, if it is kept as a whole, and else what has come with the head, or nil. [-1, +1, v] */
static int l_body(lua_State *L) {
  check(L);
  lua_getiuservalue(L, SELF, SR_HTTP_OF_BODY);
  return 1;
}

/* whole(response) gives the body if it is kept as a whole; false: it is read in pieces; or nil. [-1, +1, v] */
static int l_whole(lua_State *L) {
  const SrHttpTransfer *transfer = check(L);
  if (transfer->reading == SR_HTTP_WHOLE)
    lua_getiuservalue(L, SELF, SR_HTTP_OF_BODY);
  else if (transfer->reading == SR_HTTP_IN_PIECES)
    lua_pushboolean(L, 0);
  else
    lua_pushnil(L);
  return 1;
}

/* keep(response, body): it has been read as a whole. [-2, +0, v] */
static int l_keep(lua_State *L) {
  SrHttpTransfer *transfer = check(L);
  luaL_checktype(L, 2, LUA_TSTRING);
  lua_settop(L, 2);
  lua_setiuservalue(L, SELF, SR_HTTP_OF_BODY);
  transfer->reading = SR_HTTP_WHOLE;
  return 0;
}

/* consume(response): it is read in pieces from now on. False: it has been read as a whole. [-1, +1, v] */
static int l_consume(lua_State *L) {
  SrHttpTransfer *transfer = check(L);
  bool can = transfer->reading != SR_HTTP_WHOLE;
  if (can) transfer->reading = SR_HTTP_IN_PIECES;
  lua_pushboolean(L, can);
  return 1;
}

/* close(response) [-1, +0, v] */
static int l_close(lua_State *L) {
  SrHttpTransfer *transfer = check(L);
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the response is closed");
  shut(transfer);
  if (transfer->reading == SR_HTTP_WHOLE) return 0;
  lua_pushnil(L);
  lua_setiuservalue(L, SELF, SR_HTTP_OF_BODY);
  return 0;
}

/* received_elsewhere(prepared, status, head, elapsed, body): the Response to a request that was sent elsewhere. [-5, +1, v] */
static int l_received(lua_State *L) {
  SrHttpTransfer *transfer = sr_http_response_new(L, 1);
  int index = lua_gettop(L);
  transfer->phase = SR_HTTP_ENDED;
  transfer->head.status = (int)luaL_checkinteger(L, 2);
  transfer->head_at = luaL_checknumber(L, 4);
  luaL_checkstring(L, 3);
  luaL_checkstring(L, 5);
  lua_pushvalue(L, 3);
  lua_setiuservalue(L, index, SR_HTTP_OF_HEAD);
  lua_pushvalue(L, 5);
  lua_setiuservalue(L, index, SR_HTTP_OF_BODY);
  return 1;
}

static void add_field(lua_State *L, const char *name, Field field) {
  lua_pushinteger(L, field);
  lua_setfield(L, -2, name);
}

/*
** class(methods, make): gives responses their methods, and the fields that make(response, name) makes. `methods.text`
** does what text() has to do beside returning what is there. Returns the metatable. [-2, +1, v]
*/
static int l_class(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_http_transfer_type);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, sr_http_saros->runtime(L));
  lua_getfield(L, 1, "text");
  lua_pushcclosure(L, l_text, 2);
  lua_setfield(L, -2, "text");
  add_field(L, "status", FIELD_STATUS);
  add_field(L, "ok", FIELD_OK);
  add_field(L, "elapsed", FIELD_ELAPSED);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, l_index, 2);
  lua_setfield(L, -2, "__index");
  return 1;
}

void sr_http_open_response(lua_State *L) {
  static const luaL_Reg functions[] = {{"request", l_request},
                                       {"head", l_head},
                                       {"sets_cookies", l_sets_cookies},
                                       {"body", l_body},
                                       {"whole", l_whole},
                                       {"keep", l_keep},
                                       {"consume", l_consume},
                                       {"close", l_close},
                                       {"class", l_class},
                                       {"received_elsewhere", l_received},
                                       {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__newindex", l_newindex}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, &sr_http_transfer_type, NULL, meta);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_http_transfer_type);
  lua_setfield(L, -2, "responses");
}
