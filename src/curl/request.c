/* SPDX-License-Identifier: MIT */
/* What libcurl needs of a request, see request.h. */
#include "curl/request.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "http/fields.h"

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

static void read_extras(lua_State *L, int table, SrCurlExtras *extras) {
  static const char *const texts[SR_CURL_TEXT_COUNT] = {
      [SR_CURL_TEXT_CA_FILE] = "ca_file",     [SR_CURL_TEXT_CA_PATH] = "ca_path",
      [SR_CURL_TEXT_CERT] = "cert",           [SR_CURL_TEXT_KEY] = "key",
      [SR_CURL_TEXT_USER] = "user",           [SR_CURL_TEXT_PASSWORD] = "password",
      [SR_CURL_TEXT_INTERFACE] = "interface", [SR_CURL_TEXT_UNIX_SOCKET] = "unix_socket",
  };
  const char *tls_min = sr_http_field_string(L, table, "tls_min", NULL);
  for (int i = 0; i < SR_CURL_TEXT_COUNT; i++) extras->texts[i] = sr_http_field_string(L, table, texts[i], NULL);
  if (tls_min != NULL)
    extras->tls_min = strcmp(tls_min, "1.3") == 0 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
  extras->unverified = sr_http_field_true(L, table, "unverified");
  extras->digest = sr_http_field_true(L, table, "digest");
  extras->http1 = sr_http_field_true(L, table, "http1");
  extras->id = (lua_Integer)sr_http_field_number(L, table, "id");
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
static bool is_unshared(const SrHttpRequest *request, const SrCurlRequest *loaded) {
  return request->https && (loaded->extras.http1 || loaded->leaves_slowly);
}

/*
** How often the request may be sent. A request that may be repeated is sent once more if its connection had served
** others and turns out dead. A server that goes away refuses streams of HTTP/2, and the next connection may end as
** soon, so there it is five times more, as with libcurl.
*/
static unsigned may_go_out(const SrHttpRequest *request, const SrCurlRequest *loaded) {
  if (!request->repeatable) return 1;
  return request->https && !loaded->unshared ? 6 : 2;
}

static void unload(void *ptr) {
  SrCurlRequest *loaded = ptr;
  curl_url_cleanup(loaded->parsed);
  curl_slist_free_all(loaded->headers);
  curl_slist_free_all(loaded->extras.resolve);
  curl_slist_free_all(loaded->extras.connect_to);
  curl_slist_free_all(loaded->extras.aliases);
  free(loaded);
}

/* Reads into what belongs to the request already, which frees it should this raise. */
static void read_request(lua_State *L, int index, const SrHttpRequest *request, SrCurlRequest *loaded) {
  loaded->url = sr_http_field_string(L, index, "wire_url", NULL);
  loaded->parsed = parse_url(loaded->url);
  loaded->proxy = sr_http_field_string(L, index, "proxy", NULL);
  loaded->no_proxy = sr_http_field_string(L, index, "no_proxy", NULL);
  read_list(L, index, "headers", &loaded->headers);
  if (lua_getfield(L, index, "extras") == LUA_TTABLE) read_extras(L, lua_gettop(L), &loaded->extras);
  lua_pop(L, 1);
  loaded->leaves_slowly = request->streamed || request->body_length > SR_CURL_SENT_AT_ONCE;
  loaded->unshared = is_unshared(request, loaded);
  loaded->sends = may_go_out(request, loaded);
}

void sr_curl_request_prepare(lua_State *L, int index, SrHttpRequest *request) {
  SrCurlRequest *loaded = request->loaded;
  if (loaded != NULL && loaded->sends > 0) return;
  if (loaded != NULL) unload(loaded); /* there was no memory for all of it */
  request->loaded = loaded = calloc(1, sizeof *loaded);
  if (loaded == NULL) luaL_error(L, "not enough memory");
  request->unload = unload;
  read_request(L, index, request, loaded);
}
