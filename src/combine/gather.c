/* SPDX-License-Identifier: MIT */
/* gather and map: all results, or the first error. */
#include <string.h>

#include "combine/join.h"
#include "runtime/error.h"

/* --- policy ----------------------------------------------------------------- */

static bool on_ended(SrJoin *join, const SrEnding *ending) {
  if (ending->status == SR_DONE) {
    sr_join_keep_result(join, ending);
    return false;
  }
  if (join->decided) {
    sr_join_look_at(ending);
    return false;
  }
  sr_join_push_error(join, ending);
  if (join->decided) { /* by now */
    lua_pop(ending->L, 1);
    return false;
  }
  if (join->keeps_errors) {
    sr_join_keep_error(join, ending);
    return false;
  }
  sr_join_set_value(join, ending);
  join->winner = ending->index + 1;
  return true;
}

static const SrJoinPolicy gather_policy = {.kind = SR_JOIN_KIND("gather"), .ended = on_ended};
static const SrJoinPolicy map_policy = {.kind = SR_JOIN_KIND("map"), .ended = on_ended};

/* --- the frame -------------------------------------------------------------- */

/* The metatable of the lists that are returned. */
static const char list_key;

/* Arranges the frame above items, fn, on_progress and tracker. */
static void arrange(lua_State *L, lua_Integer total, bool keeps_errors) {
  lua_createtable(L, total < INT32_MAX ? (int)total : 0, 0);
  if (keeps_errors)
    lua_createtable(L, 0, 1);
  else
    lua_pushnil(L);
  lua_pushnil(L);
}

/* list.n, of a list that has none of its own: its length */
static int l_length(lua_State *L) {
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "n") != 0) return 0;
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
  return 1;
}

/*
** Pushes the list at `index` of the frame, of `total` values of which `kept` are not nil. It is a plain list, that
** knows its length all the same; only where nils leave holes in it, it has a field for that. [-0, +1, m]
*/
static void push_list(lua_State *L, int index, uint32_t total, uint32_t kept) {
  lua_pushvalue(L, index);
  if (kept < total) {
    lua_pushinteger(L, (lua_Integer)total);
    lua_setfield(L, -2, "n");
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
  lua_setmetatable(L, -2);
}

static bool flag_option(lua_State *L, int index, const char *name) {
  if (lua_isnoneornil(L, index)) return false;
  lua_getfield(L, index, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

/* --- gather ----------------------------------------------------------------- */

static SrJoin finish(lua_State *L, lua_KContext ctx) {
  SrJoin join = sr_join_finish(L, (SrJoin *)ctx);
  if (join.winner == 0) return join;
  lua_pushvalue(L, SR_JOIN_VALUE);
  lua_error(L);
  return join;
}

static int k_list(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrJoin join = finish(L, ctx);
  push_list(L, SR_JOIN_RESULTS, join.total, join.kept[0]);
  if (!join.keeps_errors) return 1;
  push_list(L, SR_JOIN_ERRORS, join.total, join.kept[1]);
  return 2;
}

static int k_values(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrJoin join = finish(L, ctx);
  luaL_checkstack(L, (int)join.total, "too many results");
  for (uint32_t i = 1; i <= join.total; i++) lua_rawgeti(L, SR_JOIN_RESULTS, (lua_Integer)i);
  return (int)join.total;
}

static int gather_list(lua_State *L) {
  static const char *const known[] = {"return_errors", NULL};
  lua_Integer total = sr_check_list(L, "gather", 1, 1, known);
  sr_check_options(L, "gather", 2, 2, known);
  bool keeps_errors = flag_option(L, 2, "return_errors");
  SrTask *t = sr_check_wait(L, "gather");
  bool only_functions = sr_join_is_plain(L, 1, total); /* those start at once, before the list can change */
  lua_settop(L, 1);
  if (!only_functions) {
    sr_join_copy_items(L, "gather", total);
    sr_join_check(L, t, "gather", 1, total, true);
  }
  lua_settop(L, SR_JOIN_RESULTS - 1);
  arrange(L, total, keeps_errors);
  SrJoin *join = sr_join_open(L, t, &gather_policy, total);
  join->keeps_errors = keeps_errors;
  join->watches_none = only_functions;
  return sr_join_run(L, join, k_list);
}

/* gather(a, b, ...) or gather(list [, {return_errors =}]). Waits. */
static int l_gather(lua_State *L) {
  if (lua_istable(L, 1)) return gather_list(L);
  int total = lua_gettop(L);
  if (total > 0 && !sr_is_awaitable(L, 1)) sr_type_error(L, "gather", 1, 1, "list, function, task or future");
  for (int i = 2; i <= total; i++) sr_check_awaitable(L, "gather", i, i);
  lua_createtable(L, total, 0);
  lua_insert(L, 1);
  for (int i = total; i >= 1; i--) lua_rawseti(L, 1, i);
  SrTask *t = sr_check_wait(L, "gather");
  bool only_functions = sr_join_check(L, t, "gather", 1, total, true);
  lua_settop(L, SR_JOIN_RESULTS - 1);
  arrange(L, total, false);
  SrJoin *join = sr_join_open(L, t, &gather_policy, total);
  join->watches_none = only_functions;
  return sr_join_run(L, join, k_values);
}

/* --- map -------------------------------------------------------------------- */

/* The frame of l_tracked. */
enum {
  TRACK_JOIN = 1,
  TRACK_SERIAL,
  TRACK_PROGRESS,
  TRACK_FUNCTION,
  TRACK_ITEM,
  TRACK_INDEX,
  TRACK_HANDLER,
  TRACK_RESULTS
};

static int k_told(lua_State *L, int status, lua_KContext failed) {
  (void)status;
  return failed ? lua_error(L) : lua_gettop(L) - TRACK_HANDLER;
}

static int k_called(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  bool failed = status != LUA_OK && status != LUA_YIELD;
  SrRuntime *rt = sr_rt(L);
  SrBlock *block = (SrBlock *)lua_touserdata(L, TRACK_JOIN);
  block = sr_block_alive(rt, block, (uint64_t)lua_tointeger(L, TRACK_SERIAL));
  uint64_t serial;
  if (block == NULL || (failed && sr_is_own_cancel(L, -1, rt->current, &serial))) return k_told(L, status, failed);
  SrJoin *join = (SrJoin *)(void *)block;
  lua_pushvalue(L, TRACK_PROGRESS);
  lua_pushinteger(L, (lua_Integer)++join->finished);
  lua_pushinteger(L, (lua_Integer)join->total);
  lua_callk(L, 2, 0, failed, k_told);
  return k_told(L, LUA_OK, failed);
}

/* Runs the function of map for one item, then on_progress, both in the task of the item. */
static int l_tracked(lua_State *L) {
  lua_settop(L, TRACK_INDEX);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  for (int i = TRACK_FUNCTION; i <= TRACK_INDEX; i++) lua_pushvalue(L, i);
  return k_called(L, lua_pcallk(L, 2, LUA_MULTRET, TRACK_HANDLER, 0, k_called), 0);
}

static void check_on_progress(lua_State *L) {
  if (lua_isnil(L, -1) || lua_isfunction(L, -1)) return;
  sr_arg_error(L, "map", 3, "option 'on_progress': function expected, got %s", luaL_typename(L, -1));
}

/* The option `limit`. How many items there are is not known yet: reading options may change the list. */
static uint32_t check_limit(lua_State *L) {
  int isnum;
  if (lua_isnoneornil(L, 3) || lua_getfield(L, 3, "limit") == LUA_TNIL) return UINT32_MAX;
  lua_Integer limit = lua_tointegerx(L, -1, &isnum);
  if (!isnum || lua_type(L, -1) != LUA_TNUMBER || limit < 1)
    sr_arg_error(L, "map", 3, "option 'limit': a positive integer expected, got %s", luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
  return limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

/* Arranges on_progress and the tracker, the third and fourth value of the frame. */
static void arrange_progress(lua_State *L) {
  if (lua_isnoneornil(L, 3))
    lua_settop(L, 3);
  else {
    lua_getfield(L, 3, "on_progress");
    check_on_progress(L);
    lua_replace(L, 3);
    lua_settop(L, 3);
  }
  if (lua_isnil(L, 3)) {
    lua_pushnil(L);
    return;
  }
  sr_push_function(L, l_tracked);
}

/* map(list, fn [, {limit =, return_errors =, on_progress =}]). Waits. */
static int l_map(lua_State *L) {
  static const char *const known[] = {"limit", "return_errors", "on_progress", NULL};
  lua_Integer total = sr_check_list(L, "map", 1, 1, known);
  sr_check_function(L, "map", 2, 2);
  sr_check_options(L, "map", 3, 3, known);
  uint32_t limit = check_limit(L);
  bool keeps_errors = flag_option(L, 3, "return_errors");
  arrange_progress(L);
  SrTask *t = sr_check_wait(L, "map");
  sr_join_copy_items(L, "map", total);
  arrange(L, total, keeps_errors);
  SrJoin *join = sr_join_open(L, t, &map_policy, total);
  join->limit = limit;
  join->watches_none = true;
  join->keeps_errors = keeps_errors;
  return sr_join_run(L, join, k_list);
}

void sr_open_gather(lua_State *L) {
  static const luaL_Reg functions[] = {{"gather", l_gather}, {"map", l_map}, {NULL, NULL}};
  sr_set_functions(L, functions);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, l_length);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "array"); /* also where it is empty: what dkjson and others ask, as our own does */
  lua_setfield(L, -2, "__jsontype");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
}
