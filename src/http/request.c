/* SPDX-License-Identifier: MIT */
/*
** Reading requests, see request.h. The tables are made by our own Lua code, which has checked what the
** user gave; nothing here raises but for lack of memory.
*/
#include "http/request.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "http/api.h"

/* The string of a field, anchored by the table; NULL if it is absent. */
static const char *field_string(lua_State *L, int table, const char *name, size_t *length) {
  const char *value = lua_getfield(L, table, name) == LUA_TSTRING ? lua_tolstring(L, -1, length) : NULL;
  lua_pop(L, 1);
  return value;
}

static double field_number(lua_State *L, int table, const char *name) {
  double value = lua_getfield(L, table, name) == LUA_TNUMBER ? lua_tonumber(L, -1) : HUGE_VAL;
  lua_pop(L, 1);
  return value;
}

static bool field_true(lua_State *L, int table, const char *name) {
  lua_getfield(L, table, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* The list of strings in a field. What has been read so far belongs to the request, which frees it. */
static void read_list(lua_State *L, int table, const char *name, struct curl_slist **list) {
  lua_Integer count = lua_getfield(L, table, name) == LUA_TTABLE ? luaL_len(L, -1) : 0;
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    struct curl_slist *longer = curl_slist_append(*list, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (longer == NULL) luaL_error(L, "not enough memory");
    *list = longer;
  }
  lua_pop(L, 1);
}

/* NULL for a URL that libcurl cannot take apart: it is given the text then, and says what is wrong. */
static CURLU *parse_url(const char *url) {
  CURLU *parsed = curl_url();
  if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK) return parsed;
  curl_url_cleanup(parsed);
  return NULL;
}

static void read_extras(lua_State *L, int table, SrHttpExtras *extras) {
  static const char *const texts[SR_HTTP_TEXT_COUNT] = {
      [SR_HTTP_TEXT_CA_FILE] = "ca_file",     [SR_HTTP_TEXT_CA_PATH] = "ca_path",
      [SR_HTTP_TEXT_CERT] = "cert",           [SR_HTTP_TEXT_KEY] = "key",
      [SR_HTTP_TEXT_USER] = "user",           [SR_HTTP_TEXT_PASSWORD] = "password",
      [SR_HTTP_TEXT_INTERFACE] = "interface", [SR_HTTP_TEXT_UNIX_SOCKET] = "unix_socket",
  };
  const char *tls_min = field_string(L, table, "tls_min", NULL);
  for (int i = 0; i < SR_HTTP_TEXT_COUNT; i++) extras->texts[i] = field_string(L, table, texts[i], NULL);
  if (tls_min != NULL)
    extras->tls_min = strcmp(tls_min, "1.3") == 0 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
  extras->unverified = field_true(L, table, "unverified");
  extras->digest = field_true(L, table, "digest");
  extras->http1 = field_true(L, table, "http1");
  extras->id = (lua_Integer)field_number(L, table, "id");
  read_list(L, table, "resolve", &extras->resolve);
  read_list(L, table, "connect_to", &extras->connect_to);
  read_list(L, table, "aliases", &extras->aliases);
}

/*
** Where streams share a connection of HTTP/2, libcurl 7.88 loses what the others have received when an upload of
** unknown length ends. It also loses a response that comes with a reset, as a response does that comes before the end
** of its request. And it takes a busy connection of HTTP/1.1 for one that carries many requests, if the host has
** such, too.
*/
static bool is_unshared(const SrHttpRequest *request) {
  return request->https && (request->extras.http1 || request->leaves_slowly);
}

/*
** How often the request may be sent. A request that may be repeated is sent once more if its connection had served
** others and turns out dead. A server that goes away refuses streams of HTTP/2, and the next connection may end as
** soon, so there it is five times more, as with libcurl.
*/
static unsigned may_go_out(lua_State *L, const SrHttpRequest *request) {
  if (!field_true(L, 1, "repeatable")) return 1;
  return request->https && !request->unshared ? 6 : 2;
}

static void read_body(lua_State *L, SrHttpRequest *request) {
  double length = field_number(L, 1, "body_length");
  request->body = field_string(L, 1, "body", &request->body_length);
  request->streamed = field_true(L, 1, "source");
  request->stream_length = length < 9e18 ? (curl_off_t)length : -1;
  request->leaves_slowly = request->streamed || request->body_length > SR_HTTP_SENT_AT_ONCE;
}

static void read_limits(lua_State *L, SrHttpRequest *request) {
  double max_body = field_number(L, 1, "max_body");
  request->max_body = max_body < 9e18 ? (curl_off_t)max_body : INT64_MAX;
  request->limits = (SrHttpLimits){
      .total = field_number(L, 1, "total"),
      .connect = field_number(L, 1, "connect"),
      .read = field_number(L, 1, "read"),
      .pool = field_number(L, 1, "pool"),
  };
}

/* prepare(request): reads the table and puts the result at its index 1. [-1, +0, m] */
static int l_prepare(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  SrHttpRequest *request = lua_newuserdatauv(L, sizeof *request, 0);
  *request = (SrHttpRequest){0};
  luaL_setmetatable(L, SR_HTTP_REQUEST_TYPE);
  request->caller = field_string(L, 1, "caller", NULL);
  request->key = field_string(L, 1, "key", NULL);
  request->url = field_string(L, 1, "wire_url", NULL);
  request->parsed = parse_url(request->url);
  request->https = field_true(L, 1, "https");
  request->method = field_string(L, 1, "method", NULL);
  request->proxy = field_string(L, 1, "proxy", NULL);
  request->no_proxy = field_string(L, 1, "no_proxy", NULL);
  read_body(L, request);
  read_limits(L, request);
  read_list(L, 1, "headers", &request->headers);
  if (lua_getfield(L, 1, "extras") == LUA_TTABLE) read_extras(L, 3, &request->extras);
  request->unshared = is_unshared(request);
  request->sends = may_go_out(L, request);
  lua_settop(L, 2);
  lua_rawseti(L, 1, 1);
  return 0;
}

static int l_gc(lua_State *L) {
  SrHttpRequest *request = luaL_checkudata(L, 1, SR_HTTP_REQUEST_TYPE);
  curl_url_cleanup(request->parsed);
  request->parsed = NULL;
  curl_slist_free_all(request->headers);
  curl_slist_free_all(request->extras.resolve);
  curl_slist_free_all(request->extras.connect_to);
  curl_slist_free_all(request->extras.aliases);
  request->headers = request->extras.resolve = request->extras.connect_to = request->extras.aliases = NULL;
  return 0;
}

void sr_http_open_request(lua_State *L) {
  static const luaL_Reg functions[] = {{"prepare", l_prepare}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, SR_HTTP_REQUEST_TYPE, NULL, meta);
}
