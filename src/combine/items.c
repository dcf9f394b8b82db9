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

/* --- copies ----------------------------------------------------------------- */

/* Lists up to this length are looked at key by key. */
enum { SHORT_LIST = 8 };

/*
** Puts the list at index 1, of `total` items, into the table on top, key by key. False: its keys are not 1, 2, ... in
** this order and no others, so it has to be looked at more closely. [-0, +0, -]
*/
static bool copy_in_order(lua_State *L, lua_Integer total, bool *only_functions) {
  int copy = lua_gettop(L);
  lua_Integer count = 0;
  *only_functions = true;
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    if (count == total || lua_tointeger(L, copy + 1) != count + 1 || !lua_isinteger(L, copy + 1)) {
      lua_settop(L, copy);
      return false;
    }
    if (!lua_isfunction(L, copy + 2)) *only_functions = false;
    lua_rawseti(L, copy, ++count);
  }
  return count == total;
}

/* The same for a list that was checked; raises if it has holes and no `n`. [-0, +0, v] */
static bool copy_checked(lua_State *L, const char *function, lua_Integer total) {
  lua_Integer count = 0;
  bool only_functions = true;
  for (lua_Integer i = 1; i <= total; i++) {
    int type = lua_rawgeti(L, 1, i);
    count += type != LUA_TNIL;
    only_functions = only_functions && type == LUA_TFUNCTION;
    lua_rawseti(L, -2, i);
  }
  lua_pushliteral(L, "n");
  if (count < total && lua_rawget(L, 1) == LUA_TNIL) sr_list_error(L, function, 1);
  lua_pop(L, 1);
  return only_functions;
}

static void push_copy(lua_State *L, lua_Integer total) {
  lua_createtable(L, total < INT32_MAX ? (int)total : 0, 0);
}

/* Takes a short list without a metatable, which may mean that it is none. False: nothing has happened. [-0, +0, m] */
static bool take_short_list(lua_State *L, lua_Integer *total, bool *only_functions) {
  if (!lua_istable(L, 1)) return false;
  *total = (lua_Integer)lua_rawlen(L, 1);
  if (*total == 0 || *total > SHORT_LIST) return false;
  if (lua_getmetatable(L, 1)) return lua_pop(L, 1), false;
  push_copy(L, *total);
  bool is_taken = copy_in_order(L, *total, only_functions);
  if (is_taken)
    lua_replace(L, 1);
  else
    lua_pop(L, 1);
  return is_taken;
}

lua_Integer sr_take_list(lua_State *L, const char *function, const char *const *known, bool *only_functions) {
  lua_Integer total;
  if (take_short_list(L, &total, only_functions)) return total;
  total = sr_check_list(L, function, 1, 1, known);
  push_copy(L, total);
  *only_functions = copy_checked(L, function, total);
  lua_replace(L, 1);
  return total;
}
