/* SPDX-License-Identifier: MIT */
/* What combinators are given. See items.h. */
#include "combine/items.h"

bool sr_is_awaitable(lua_State *L, int index) {
  return lua_isfunction(L, index) || sr_test_future(L, index) != NULL;
}

void sr_check_awaitable(lua_State *L, const char *function, int index, int arg) {
  if (!sr_is_awaitable(L, index)) sr_type_error(L, function, index, arg, "function, task or future");
}

uint32_t sr_check_limit(lua_State *L, const char *function, int index, int arg) {
  int isnum;
  if (lua_isnoneornil(L, index)) return UINT32_MAX;
  bool is_given = lua_getfield(L, index, "limit") != LUA_TNIL;
  lua_Integer limit = lua_tointegerx(L, -1, &isnum);
  if (is_given && (!isnum || lua_type(L, -1) != LUA_TNUMBER || limit < 1))
    sr_arg_error(L, function, arg, "option 'limit': a positive integer expected, got %s", luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
  return is_given && limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

static void check_item(lua_State *L, const char *function, lua_Integer number, bool takes_functions) {
  if (takes_functions ? sr_is_awaitable(L, -1) : sr_test_future(L, -1) != NULL) return;
  sr_arg_error(L, function, 1, "item %I: %s expected, got %s", (LUAI_UACINT)number,
               takes_functions ? "function, task or future" : "task or future", luaL_typename(L, -1));
}

bool sr_check_items(lua_State *L, SrTask *t, const char *function, int index, lua_Integer total, bool takes_functions) {
  bool only_functions = true;
  for (lua_Integer i = 1; i <= total; i++) {
    int type = lua_rawgeti(L, index, i);
    if (!takes_functions || type != LUA_TFUNCTION) {
      check_item(L, function, i, takes_functions);
      only_functions = false;
    }
    lua_pop(L, 1);
  }
  if (only_functions) return true;
  SrTask *cycle = sr_find_waiting(L, index, t);
  if (cycle != NULL) sr_raise_cycle(L, t, cycle);
  return false;
}

bool sr_copy_items(lua_State *L, const char *function, lua_Integer total) {
  lua_Integer count = 0;
  bool only_functions = true;
  lua_createtable(L, total < INT32_MAX ? (int)total : 0, 0);
  for (lua_Integer i = 1; i <= total; i++) {
    int type = lua_rawgeti(L, 1, i);
    count += type != LUA_TNIL;
    only_functions = only_functions && type == LUA_TFUNCTION;
    lua_rawseti(L, -2, i);
  }
  lua_pushliteral(L, "n");
  if (count < total && lua_rawget(L, 1) == LUA_TNIL) sr_list_error(L, function, 1);
  lua_pop(L, 1);
  lua_replace(L, 1);
  return only_functions;
}
