/* SPDX-License-Identifier: MIT */
/*
** Which of a router's handlers a path leads to, see route.h. A path is taken apart before it is decoded, so that a
** parameter may hold a slash; of several patterns that fit, the one with the leftmost literal is meant.
*/
#include "server/route.h"

#include <string.h>

#include "server/request.h"

/* A segment that is a parameter, and the one before it. */
typedef struct Param Param;
struct Param {
  SrWireText text;
  const Param *before;
};

/* The stack begins with the request, the root, and what holds the path. */
enum { REQUEST = 1, ROOT };

typedef struct Search {
  lua_State *L;
  const SrServerRequest *request;
  const char *start, *end; /* of the path */
  int results;             /* that are on top, once something is found */
} Search;

static int push_decoded(lua_State *L, SrWireText text) {
  luaL_Buffer buffer;
  if (memchr(text.bytes, '%', text.length) == NULL) {
    lua_pushlstring(L, text.bytes, text.length);
  } else {
    char *out = luaL_buffinitsize(L, &buffer, text.length);
    luaL_pushresultsize(&buffer, sr_wire_decode(text, out));
  }
  return 1;
}

/* --- what was found ------------------------------------------------------------------- */

/* Sets the first `count` parameters in the table on top; the table of their names is below it. [-0, +0, v] */
static void set_params(lua_State *L, lua_Integer count, const Param *param) {
  if (param == NULL) return;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  set_params(L, count - 1, param->before);
  lua_rawgeti(L, -2, count);
  push_decoded(L, param->text);
  lua_rawset(L, -3);
}

/* Pushes the params of the entry on top; those of the mounts on the way come along. [-0, +1, v] */
static void push_params(lua_State *L, const Param *param) {
  lua_getfield(L, -1, "names");
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  lua_createtable(L, 0, (int)count);
  if (lua_getiuservalue(L, REQUEST, SR_SERVER_REQUEST_PARAMS) == LUA_TTABLE)
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -5);
    }
  lua_pop(L, 1);
  set_params(L, count, param);
  lua_remove(L, -2);
}

/* The handlers of the leaf are on top. */
static void find_handler(Search *search, const Param *param) {
  lua_State *L = search->L;
  SrWireText method = sr_server_request_method(search->request);
  lua_pushlstring(L, method.bytes, method.length);
  if (lua_rawget(L, -2) == LUA_TNIL && search->request->is_head) lua_getfield(L, -2, "GET");
  if (lua_isnil(L, -1)) {
    lua_pushvalue(L, -3 - search->request->is_head); /* the leaf */
    search->results = 2;
    return;
  }
  push_params(L, param);
  lua_setiuservalue(L, REQUEST, SR_SERVER_REQUEST_PARAMS);
  lua_getfield(L, -1, "handler");
  search->results = 1;
}

/* Takes the leaf of that name of the node on top, if it has one; behind a mount a rest is left. */
static bool take(Search *search, const char *name, const Param *param, const char *rest) {
  lua_State *L = search->L;
  if (lua_getfield(L, -1, name) == LUA_TNIL) return lua_pop(L, 1), false;
  lua_getfield(L, -1, "handlers");
  if (rest == NULL) return find_handler(search, param), true;
  lua_getfield(L, -1, "*");
  push_params(L, param);
  lua_pushnil(L);
  lua_insert(L, -3);
  lua_pushinteger(L, (lua_Integer)(rest - search->start) + 1);
  lua_insert(L, -2);
  search->results = 4;
  return true;
}

/* --- the tree --------------------------------------------------------------------------- */

/* Goes on from the node on top with the segment at `at`; NULL: there is none left. False leaves the stack as it was. */
static bool find(Search *search, const char *at, const Param *before) {
  lua_State *L = search->L;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (at == NULL) return take(search, "leaf", before, NULL) || take(search, "mount", before, search->end);
  const char *slash = (const char *)memchr(at, '/', (size_t)(search->end - at));
  const char *stop = slash != NULL ? slash : search->end, *next = slash != NULL ? slash + 1 : NULL;
  Param param = {{at, (size_t)(stop - at)}, before};
  if (lua_getfield(L, -1, "literals") != LUA_TNIL) {
    push_decoded(L, param.text);
    if (lua_rawget(L, -2) != LUA_TNIL && find(search, next, before)) return true;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  if (stop > at) {
    if (lua_getfield(L, -1, "param") != LUA_TNIL && find(search, next, &param)) return true;
    lua_pop(L, 1);
  }
  param.text.length = (size_t)(search->end - at);
  return take(search, "rest", &param, NULL) || take(search, "mount", before, at - 1);
}

int sr_server_l_route(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "router");
  lua_settop(L, ROOT);
  SrWireText path = sr_server_request_push_rest(L, request);
  Search search = {.L = L, .request = request, .start = path.bytes, .end = path.bytes + path.length};
  lua_pushvalue(L, ROOT);
  if (*path.bytes != '/' || !find(&search, path.bytes + 1, NULL)) return 0;
  return search.results;
}
