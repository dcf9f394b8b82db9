/* SPDX-License-Identifier: MIT */
/*
** Reading requests, see request.h. The tables are made by our own Lua code, which has checked what the
** user gave; nothing here raises but for lack of memory.
*/
#include "http/request.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>

#include "http/api.h"
#include "http/fields.h"
#include "http/place.h"
#include "http/secure.h"

const SrHttpType sr_http_request_type = {"saros.http.request"};

static void read_body(lua_State *L, SrHttpRequest *request) {
  double length = sr_http_field_number(L, 1, "body_length");
  request->body = sr_http_field_string(L, 1, "body", &request->body_length);
  request->streamed = sr_http_field_true(L, 1, "source");
  request->stream_length = length < 9e18 ? (int64_t)length : -1;
}

static void read_limits(lua_State *L, SrHttpRequest *request) {
  double max_body = sr_http_field_number(L, 1, "max_body");
  request->max_body = max_body < 9e18 ? (int64_t)max_body : INT64_MAX;
  request->limits = (SrHttpLimits){
      .total = sr_http_field_number(L, 1, "total"),
      .connect = sr_http_field_number(L, 1, "connect"),
      .read = sr_http_field_number(L, 1, "read"),
      .pool = sr_http_field_number(L, 1, "pool"),
  };
}

static void read_place(lua_State *L, SrHttpRequest *request) {
  double port = sr_http_field_number(L, 1, "port");
  request->place = sr_http_field_string(L, 1, "place", NULL);
  request->place_hash = request->place != NULL ? sr_http_place_hash(request->place) : 0;
  request->host = sr_http_field_string(L, 1, "host", NULL);
  request->port = port <= 65535 ? (int)port : 0;
  request->addresses = sr_http_field_string(L, 1, "addresses", NULL);
  request->local_address = sr_http_field_string(L, 1, "local_address", NULL);
  request->unix_socket = sr_http_field_string(L, 1, "unix_socket", NULL);
  request->is_internal = sr_http_field_true(L, 1, "is_internal");
  request->tunnel = sr_http_field_string(L, 1, "tunnel", NULL);
  request->through_proxy = sr_http_field_true(L, 1, "proxy");
  request->server_name = sr_http_field_string(L, 1, "server_name", NULL);
  request->tls_key = sr_http_field_string(L, 1, "key", NULL);
}

static const void *field_pointer(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const void *pointer = lua_topointer(L, -1);
  lua_pop(L, 1);
  return pointer;
}

/* prepare(request): reads the table and puts the result at its index 1. [-1, +0, m] */
static int l_prepare(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  SrHttpRequest *request = lua_newuserdatauv(L, sizeof *request, 1);
  *request = (SrHttpRequest){.type = &sr_http_request_type};
  sr_http_set_type(L, &sr_http_request_type);
  request->session = field_pointer(L, "session");
  request->jar = field_pointer(L, "jar");
  request->caller = sr_http_field_string(L, 1, "caller", NULL);
  request->key = sr_http_field_string(L, 1, "key", NULL);
  request->https = sr_http_field_true(L, 1, "https");
  request->method = sr_http_field_string(L, 1, "method", NULL);
  request->repeatable = sr_http_field_true(L, 1, "repeatable");
  request->head = sr_http_field_string(L, 1, "head", &request->head_length);
  request->expects = sr_http_field_true(L, 1, "expects");
  request->closes = sr_http_field_true(L, 1, "closes");
  request->reports = sr_http_field_true(L, 1, "on_progress");
  request->retries = sr_http_field_true(L, 1, "retries");
  read_place(L, request);
  read_body(L, request);
  read_limits(L, request);
  lua_rawseti(L, 1, 1);
  return 0;
}

/* secure(request): it has a context of TLS now, in its field `tls`. [-1, +0, v] */
static int l_secure(lua_State *L) {
  lua_settop(L, 1);
  lua_rawgeti(L, 1, 1);
  SrHttpRequest *request = sr_http_check(L, 2, &sr_http_request_type);
  lua_getfield(L, 1, "tls");
  request->tls = sr_http_tls->context(L, 3);
  return 0;
}

static int l_gc(lua_State *L) {
  SrHttpRequest *request = sr_http_check(L, 1, &sr_http_request_type);
  if (request->loaded != NULL) request->unload(request->loaded);
  request->loaded = NULL;
  return 0;
}

void sr_http_open_request(lua_State *L) {
  static const luaL_Reg functions[] = {{"prepare", l_prepare}, {"secure", l_secure}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, &sr_http_request_type, NULL, meta);
}
