/* SPDX-License-Identifier: MIT */
/*
** The short way of a request, see verb.h.
**
** Most requests are sent again and again, without options. They are found here among those that lua/saros/http has
** prepared, and sent without any Lua. Everything else, and a response that asks for more than being handed over, is done
** there: `general` does all that a verb does, in every case.
*/
#include "http/verb.h"

#include <lauxlib.h>

#include "http/exchange.h"
#include "http/response.h"
#include "http/send.h"
#include "http/transfer.h"

/* Upvalues of a verb. The first marks it as saros' own. */
enum {
  RUNTIME = 1,
  GENERAL,  /* the verb as Lua knows it */
  COMPLETE, /* complete(session, prepared, response or nil, failure): what follows when it has been sent */
  NUMBER,   /* by which prepared requests are kept, beside their URL */
  DEFAULT,  /* nil, or the table whose field 1 is the session that the verb is of */
  HEADERS,  /* names of fields */
  COOKIES,
  COUNT,
  UPVALUES = COUNT
};

/* Slots of the stack. */
enum { SESSION = 1, TARGET, REQUEST = TARGET, BY_URL, BY_NUMBER, PREPARED };

/* Pushes a field of the table at `index`. */
static int push_field(lua_State *L, int index, int name) {
  lua_pushvalue(L, lua_upvalueindex(name));
  return lua_rawget(L, index);
}

/* Whether the session adds nothing to a request: neither headers nor cookies, which its user may change at any time. */
static bool adds_nothing(lua_State *L, const SrHttpRequest *request) {
  if (push_field(L, SESSION, HEADERS) != LUA_TTABLE) return false;
  lua_pushnil(L);
  if (lua_next(L, -2) != 0) return false;
  push_field(L, SESSION, COOKIES);
  if (!lua_toboolean(L, -1)) return true;
  bool is_jar = lua_istable(L, -1) && lua_topointer(L, -1) == request->jar;
  return is_jar && push_field(L, -2, COUNT) == LUA_TNUMBER && lua_tointeger(L, -1) == 0;
}

/* Pushes the prepared request, its table below it; NULL: there is none. */
static const SrHttpRequest *push_prepared(lua_State *L) {
  if (lua_rawgeti(L, SESSION, 1) != LUA_TTABLE) return NULL;
  lua_pushvalue(L, TARGET);
  if (lua_rawget(L, -2) != LUA_TTABLE) return NULL;
  if (lua_rawgeti(L, -1, lua_tointeger(L, lua_upvalueindex(NUMBER))) != LUA_TTABLE) return NULL;
  lua_rawgeti(L, -1, 1);
  return sr_http_check(L, -1, &sr_http_request_type);
}

/* The prepared request, whose table is at REQUEST then, if it goes the short way. */
static const SrHttpRequest *find(lua_State *L) {
  if (lua_gettop(L) != TARGET || lua_type(L, TARGET) != LUA_TSTRING || !lua_istable(L, SESSION)) return NULL;
  const SrHttpRequest *request = push_prepared(L);
  if (request == NULL || request->session != lua_topointer(L, SESSION)) return NULL;
  if (!request->is_settled || request->streamed || request->retries || !adds_nothing(L, request)) return NULL;
  lua_settop(L, PREPARED);
  lua_replace(L, REQUEST);
  lua_settop(L, REQUEST);
  return request;
}

static int k_verb(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

/* Whether the response is handed over as it is. */
static bool is_final(const SrHttpTransfer *transfer) {
  int status = transfer->head.status;
  return sr_http_has_head(transfer) && !(status >= 301 && status <= 308) && !transfer->head.cookies;
}

static int deliver(lua_State *L, SrHttpTransfer *transfer) {
  int count = sr_http_send_outcome(L, transfer);
  if (is_final(transfer)) return count;
  int top = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(COMPLETE));
  lua_pushvalue(L, SESSION);
  lua_pushvalue(L, REQUEST);
  for (int i = top - count + 1; i <= top; i++) lua_pushvalue(L, i);
  lua_callk(L, 2 + count, 1, top, k_verb);
  return 1;
}

/* With the arguments as they were given. */
static int call_general(lua_State *L, int count) {
  lua_settop(L, count);
  lua_pushvalue(L, lua_upvalueindex(GENERAL));
  lua_insert(L, 1);
  lua_callk(L, count, LUA_MULTRET, 0, k_verb);
  return lua_gettop(L);
}

/* Puts the session that the verb is of in front of its arguments. */
static void insert_default(lua_State *L) {
  lua_rawgeti(L, lua_upvalueindex(DEFAULT), 1);
  lua_insert(L, SESSION);
}

static int l_verb(lua_State *L) {
  int given = lua_gettop(L);
  bool is_method = lua_isnil(L, lua_upvalueindex(DEFAULT));
  if (!is_method) insert_default(L);
  const SrHttpRequest *request = find(L);
  if (request == NULL) {
    if (!is_method) lua_remove(L, SESSION);
    return call_general(L, given);
  }
  sr_http_saros->check(L, request->caller); /* whether it is cancelled is asked behind what allocates */
  SrHttpTransfer *transfer = sr_http_response_new(L, REQUEST);
  transfer->pool = request->pool;
  transfer->request = request;
  transfer->backend = &sr_http_own;
  transfer->deliver = deliver;
  return sr_http_send(L, transfer, -1);
}

/* verb(general, complete, number, default): the function that users call; see the upvalues above. [-4, +1, v] */
static int l_new(lua_State *L) {
  lua_settop(L, DEFAULT - 1);
  lua_pushlightuserdata(L, sr_http_saros->runtime(L));
  lua_insert(L, RUNTIME);
  lua_pushliteral(L, "headers");
  lua_pushliteral(L, "cookies");
  lua_pushliteral(L, "_count");
  lua_pushcclosure(L, l_verb, UPVALUES);
  return 1;
}

void sr_http_open_verb(lua_State *L) {
  static const luaL_Reg functions[] = {{"verb", l_new}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
