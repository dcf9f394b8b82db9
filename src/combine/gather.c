/* SPDX-License-Identifier: MIT */
/* gather: all results, or the first error. See gather.h. */
#include "combine/gather.h"

#include "combine/ending.h"
#include "combine/items.h"
#include "runtime/error.h"

/* --- policy ----------------------------------------------------------------- */

bool sr_gather_ended(SrJoin *join, const SrEnding *ending) {
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
  if (join->tally.keeps_errors) {
    sr_join_drop_item(join, ending);
    sr_join_keep_error(join, ending);
    return false;
  }
  sr_join_set_value(join, ending);
  join->tally.winner = ending->index + 1;
  return true;
}

bool sr_gather_done(SrJoin *join, lua_State *L, int first, uint32_t index) {
  if (lua_gettop(L) != first) lua_settop(L, first); /* nil if there is no result */
  sr_join_keep_value(join, L, index);
  return true;
}

static const SrJoinPolicy gather_policy = {
    .kind = SR_JOIN_KIND("gather"), .ended = sr_gather_ended, .done = sr_gather_done};

/* --- the frame -------------------------------------------------------------- */

void sr_gather_arrange(lua_State *L, lua_Integer total, bool takes_places, bool keeps_errors) {
  if (takes_places)
    lua_pushvalue(L, SR_JOIN_ITEMS);
  else
    lua_createtable(L, total < INT32_MAX ? (int)total : 0, 0);
  if (keeps_errors)
    lua_createtable(L, 0, 1);
  else
    lua_pushnil(L);
  lua_pushnil(L);
}

/* The registry has the metatable of the lists that are returned under SR_LIST_INDEX. */

/*
** list.n, of a list that has none of its own: its length. `ipairs` asks for what is behind the last item, so this is
** called for most lists. In Lua it needs a few slots of the stack where a C function is given LUA_MINSTACK: for tasks
** that do little else, that would be the one thing for which their stacks have to grow.
*/
static const char LENGTH[] = "return function(list, key) if key == 'n' then return #list end end";

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
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_LIST_INDEX);
  lua_setmetatable(L, -2);
}

int sr_l_list(lua_State *L) {
  lua_Integer total = lua_tointeger(L, 2), kept = 0;
  for (lua_Integer i = 1; i <= total; i++, lua_pop(L, 1))
    if (lua_rawgeti(L, 1, i) != LUA_TNIL) kept++;
  push_list(L, 1, (uint32_t)total, (uint32_t)kept);
  return 1;
}

bool sr_gather_flag(lua_State *L, int index, const char *name) {
  if (lua_isnoneornil(L, index)) return false;
  lua_getfield(L, index, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

/* --- gather ----------------------------------------------------------------- */

static SrTally finish(lua_State *L, lua_KContext ctx) {
  SrJoin *open = (SrJoin *)ctx;
  if (open->asks) {
    lua_pushvalue(open->host, SR_JOIN_VALUE);
    lua_xmove(open->host, L, 1);
    lua_replace(L, SR_JOIN_VALUE);
  }
  SrTally tally = sr_join_finish(L, open);
  if (tally.winner == 0) return tally;
  lua_pushvalue(L, SR_JOIN_VALUE);
  lua_error(L);
  return tally;
}

int sr_k_gathered(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTally tally = finish(L, ctx);
  push_list(L, SR_JOIN_RESULTS, tally.total, tally.kept[0]);
  if (!tally.keeps_errors) return 1;
  push_list(L, SR_JOIN_ERRORS, tally.total, tally.kept[1]);
  return 2;
}

static int k_values(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTally tally = finish(L, ctx);
  luaL_checkstack(L, (int)tally.total, "too many results");
  for (uint32_t i = 1; i <= tally.total; i++) lua_rawgeti(L, SR_JOIN_RESULTS, (lua_Integer)i);
  return (int)tally.total;
}

static int gather_list(lua_State *L) {
  static const char *const known[] = {"return_errors", NULL};
  bool only_functions;
  lua_Integer total = sr_take_list(L, "gather", known, &only_functions);
  sr_check_options(L, "gather", 2, 2, known);
  bool keeps_errors = sr_gather_flag(L, 2, "return_errors");
  SrTask *t = sr_check_wait(L, "gather");
  if (!only_functions) only_functions = sr_check_items(L, t, "gather", 1, total, true);
  if (lua_gettop(L) != 1) lua_settop(L, 1);
  lua_settop(L, SR_JOIN_RESULTS - 1);
  sr_gather_arrange(L, total, only_functions, keeps_errors);
  SrJoin *join = sr_join_open(L, t, &gather_policy, total);
  join->tally.keeps_errors = keeps_errors;
  join->watches_none = join->takes_places = only_functions;
  return sr_join_run(L, join, sr_k_gathered);
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
  bool only_functions = sr_check_items(L, t, "gather", 1, total, true);
  lua_settop(L, SR_JOIN_RESULTS - 1);
  sr_gather_arrange(L, total, only_functions, false);
  SrJoin *join = sr_join_open(L, t, &gather_policy, total);
  join->watches_none = join->takes_places = only_functions;
  return sr_join_run(L, join, k_values);
}

void sr_open_gather(lua_State *L) {
  static const luaL_Reg functions[] = {{"gather", l_gather}, {NULL, NULL}};
  sr_set_functions(L, functions);
  lua_createtable(L, 0, 2);
  if (luaL_loadbuffer(L, LENGTH, sizeof LENGTH - 1, "=saros") != LUA_OK) lua_error(L);
  lua_call(L, 0, 1);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "array"); /* also where it is empty: what dkjson and others ask, as our own does */
  lua_setfield(L, -2, "__jsontype");
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_LIST_INDEX);
}
