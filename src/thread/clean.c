/* SPDX-License-Identifier: MIT */
/* Globals as they were, see clean.h. */
#include "thread/clean.h"

#include <lauxlib.h>
#include <lualib.h>

#include "thread/library.h"

/* In the registry: a list of tables, and a list of a copy of each. The first are the globals. */
static const char tables_key, copies_key;
/* How many modules there were. */
static const char modules_key;

static const char *const libraries[] = {LUA_GNAME,   "string", "table", "math",    "io", "os",
                                        "coroutine", "utf8",   "debug", "package", NULL};

/* --- remembering ----------------------------------------------------------------- */

/* Adds the table on top to the list of `tables`, which is at index 1, and a copy to that at 2. [-1, +0, m] */
static void keep(lua_State *L) {
  int table = lua_gettop(L);
  if (!lua_istable(L, table)) {
    lua_pop(L, 1);
    return;
  }
  lua_Integer number = (lua_Integer)lua_rawlen(L, 1) + 1;
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, table + 1);
  }
  lua_rawseti(L, 2, number);
  lua_rawseti(L, 1, number);
}

static void keep_libraries(lua_State *L) {
  for (const char *const *name = libraries; *name != NULL; name++) {
    sr_thread_push_loaded(L);
    lua_getfield(L, -1, *name);
    lua_replace(L, -2);
    keep(L);
  }
  sr_thread_push_loaded(L);
  lua_getfield(L, -1, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "preload");
  keep(L);
  lua_getfield(L, -1, "searchers");
  keep(L);
  lua_pop(L, 2);
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) keep(L);
  lua_pop(L, 1);
}

/* The keys of package.loaded. */
static lua_Integer count_modules(lua_State *L) {
  lua_Integer count = 0;
  sr_thread_push_loaded(L);
  lua_pushnil(L);
  for (; lua_next(L, -2) != 0; count++) lua_pop(L, 1);
  lua_pop(L, 1);
  return count;
}

static int l_keep(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  keep_libraries(L);
  lua_pushinteger(L, count_modules(L));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tables_key);
  return 0;
}

void sr_thread_keep_clean(lua_State *L) {
  lua_pushcfunction(L, l_keep);
  lua_call(L, 0, 0);
}

/* --- putting back ------------------------------------------------------------------ */

/* Removes what is in the table and not in its copy. Whether there was anything. */
static bool remove_new(lua_State *L, int table, int copy) {
  bool any = false;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, copy) == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, table);
      any = true;
    }
    lua_pop(L, 1);
  }
  return any;
}

static void restore(lua_State *L, int table, int copy) {
  lua_pushnil(L);
  while (lua_next(L, copy) != 0) {
    lua_pushvalue(L, -2);
    lua_rawget(L, table);
    if (!lua_rawequal(L, -1, -2)) {
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -3);
      lua_rawset(L, table);
    }
    lua_pop(L, 2);
  }
}

/* None of the tables has a metatable at first. */
static void drop_metatable(lua_State *L, int table) {
  if (!lua_getmetatable(L, table)) return;
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_setmetatable(L, table);
}

bool sr_thread_clean(lua_State *L) {
  bool has_new = false;
  int top = lua_gettop(L), tables = top + 1, copies = top + 2;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, tables);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, tables, i);
    lua_rawgeti(L, copies, i);
    bool is_new = remove_new(L, copies + 1, copies + 2);
    has_new = has_new || (i == 1 && is_new);
    restore(L, copies + 1, copies + 2);
    drop_metatable(L, copies + 1);
    lua_settop(L, copies);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_Integer former = lua_tointeger(L, -1), modules = count_modules(L);
  lua_pushinteger(L, modules);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_settop(L, top);
  return !has_new || modules <= former;
}
