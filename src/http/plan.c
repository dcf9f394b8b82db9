/* SPDX-License-Identifier: MIT */
/*
** Reading plans, see plan.h. The tables are made by our own Lua code, which has checked what the
** user gave; nothing here raises but for lack of memory.
*/
#include "http/plan.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define PLAN_TYPE "saros.http.plan"

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

static unsigned char field_true(lua_State *L, int table, const char *name) {
  lua_getfield(L, table, name);
  int value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return (unsigned char)value;
}

/* The list of strings in a field. What has been read so far belongs to the plan, which frees it. */
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

/* What libcurl cannot take apart it is given as text, and says why. */
static CURLU *parse_url(const char *url) {
  CURLU *parsed = curl_url();
  if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK) return parsed;
  curl_url_cleanup(parsed);
  return NULL;
}

static void read_extras(lua_State *L, int table, SrExtras *extras) {
  static const char *const texts[SR_TEXT_COUNT] = {
      [SR_TEXT_CA_FILE] = "ca_file",     [SR_TEXT_CA_PATH] = "ca_path",
      [SR_TEXT_CERT] = "cert",           [SR_TEXT_KEY] = "key",
      [SR_TEXT_USER] = "user",           [SR_TEXT_PASSWORD] = "password",
      [SR_TEXT_INTERFACE] = "interface", [SR_TEXT_UNIX_SOCKET] = "unix_socket",
  };
  const char *tls_min = field_string(L, table, "tls_min", NULL);
  for (int i = 0; i < SR_TEXT_COUNT; i++) extras->texts[i] = field_string(L, table, texts[i], NULL);
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
** libcurl 7.88 loses data of streams on one HTTP/2 connection: what another one has received when an
** upload of unknown length ends, and an answer that comes with a reset, as one does before the end of its
** request. It also takes a busy connection of HTTP/1.1 for one that carries many, if the host has such, too.
*/
static unsigned char is_alone(const SrPlan *plan) {
  return plan->https && (plan->extras.http1 || plan->streamed || plan->body_length > SR_SENT_AT_ONCE);
}

/*
** Again once, where a connection that had served turns out dead. Of streams that a server refuses because it is going
** away there can be many, and the next connection may end as soon; libcurl tries five times, too.
*/
static unsigned may_go_out(lua_State *L, const SrPlan *plan) {
  if (!field_true(L, 1, "repeatable")) return 1;
  return plan->https && !plan->alone ? 6 : 2;
}

int sr_plan_compile(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  SrPlan *plan = lua_newuserdatauv(L, sizeof *plan, 0);
  *plan = (SrPlan){0};
  luaL_setmetatable(L, PLAN_TYPE);
  double max_body = field_number(L, 1, "max_body"), length = field_number(L, 1, "body_length");
  plan->caller = field_string(L, 1, "caller", NULL);
  plan->key = field_string(L, 1, "key", NULL);
  plan->url = field_string(L, 1, "wire_url", NULL);
  plan->parsed = parse_url(plan->url);
  plan->method = field_string(L, 1, "method", NULL);
  plan->body = field_string(L, 1, "body", &plan->body_length);
  plan->proxy = field_string(L, 1, "proxy", NULL);
  plan->no_proxy = field_string(L, 1, "no_proxy", NULL);
  plan->limits = (SrLimits){field_number(L, 1, "total"), field_number(L, 1, "connect"), field_number(L, 1, "read"),
                            field_number(L, 1, "pool")};
  plan->max_body = max_body < 9e18 ? (curl_off_t)max_body : INT64_MAX;
  plan->streamed = field_true(L, 1, "source");
  plan->stream_length = length < 9e18 ? (curl_off_t)length : -1;
  plan->https = field_true(L, 1, "https");
  read_list(L, 1, "headers", &plan->headers);
  if (lua_getfield(L, 1, "extras") == LUA_TTABLE) read_extras(L, 3, &plan->extras);
  plan->alone = is_alone(plan);
  plan->sends = may_go_out(L, plan);
  lua_settop(L, 2);
  lua_rawseti(L, 1, 1);
  return 0;
}

const SrPlan *sr_plan_check(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  lua_rawgeti(L, index, 1);
  const SrPlan *plan = luaL_checkudata(L, -1, PLAN_TYPE);
  lua_pop(L, 1);
  return plan;
}

static int l_gc(lua_State *L) {
  SrPlan *plan = luaL_checkudata(L, 1, PLAN_TYPE);
  curl_url_cleanup(plan->parsed);
  plan->parsed = NULL;
  curl_slist_free_all(plan->headers);
  curl_slist_free_all(plan->extras.resolve);
  curl_slist_free_all(plan->extras.connect_to);
  curl_slist_free_all(plan->extras.aliases);
  plan->headers = plan->extras.resolve = plan->extras.connect_to = plan->extras.aliases = NULL;
  return 0;
}

void sr_plan_open(lua_State *L) {
  luaL_newmetatable(L, PLAN_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
