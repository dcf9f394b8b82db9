/* SPDX-License-Identifier: MIT */
/* Globals as they were, see clean.h. */
#include "thread/clean.h"

#include <lauxlib.h>
#include <lualib.h>

#include "thread/library.h"

/*
** In the registry: a list of tables, one of a copy of each, one of how many fields each has. The globals come first,
** the metatable of strings last.
*/
static const char tables_key, copies_key, sizes_key;
/* How many modules there were; and a copy of package.loaded as it was at first. */
static const char modules_key, loaded_key;

static const char *const libraries[] = {LUA_GNAME,   "string", "table", "math",    "io", "os",
                                        "coroutine", "utf8",   "debug", "package", NULL};

/* --- remembering ----------------------------------------------------------------- */

/* Pushes a copy of the table at `table`; returns how many fields it has. */
static lua_Integer push_copy(lua_State *L, int table) {
  lua_Integer size = 0;
  lua_newtable(L);
  int copy = lua_gettop(L);
  lua_pushnil(L);
  for (; lua_next(L, table) != 0; size++) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
  return size;
}

/* Adds the table on top to the three lists, which are at the indices 1 to 3. [-1, +0, m] */
static void keep(lua_State *L) {
  int table = lua_gettop(L);
  if (!lua_istable(L, table)) {
    lua_pop(L, 1);
    return;
  }
  lua_Integer number = (lua_Integer)lua_rawlen(L, 1) + 1;
  lua_Integer size = push_copy(L, table);
  lua_rawseti(L, 2, number);
  lua_rawseti(L, 1, number);
  lua_pushinteger(L, size);
  lua_rawseti(L, 3, number);
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

static void keep_loaded(lua_State *L) {
  sr_thread_push_loaded(L);
  push_copy(L, lua_gettop(L));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
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
  lua_newtable(L);
  keep_libraries(L);
  keep_loaded(L);
  lua_pushinteger(L, count_modules(L));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sizes_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tables_key);
  return 0;
}

void sr_thread_keep_clean(lua_State *L) {
  lua_pushcfunction(L, l_keep);
  lua_call(L, 0, 0);
}

/* --- putting back ------------------------------------------------------------------ */

/* What became of a table. */
typedef struct Changes {
  lua_Integer same; /* fields that are as they were, or are again */
  bool has_new;     /* there were others, which are gone */
} Changes;

/* Removes what is in the table and not in its copy, and puts back what is another value. */
static Changes undo(lua_State *L, int table, int copy) {
  Changes changes = {0, false};
  int key = lua_gettop(L) + 1, value = key + 1, former = key + 2;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pushvalue(L, key);
    bool is_new = lua_rawget(L, copy) == LUA_TNIL;
    if (is_new || !lua_rawequal(L, value, former)) {
      lua_pushvalue(L, key);
      lua_pushvalue(L, former);
      lua_rawset(L, table);
    }
    changes.has_new = changes.has_new || is_new;
    if (!is_new) changes.same++;
    lua_settop(L, key);
  }
  return changes;
}

/* Puts back what is missing. */
static void restore(lua_State *L, int table, int copy) {
  lua_pushnil(L);
  while (lua_next(L, copy) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, table);
  }
}

/* None of the tables has a metatable at first. */
static void drop_metatable(lua_State *L, int table) {
  if (!lua_getmetatable(L, table)) return;
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_setmetatable(L, table);
}

/* The modules that were there at first; those that were loaded since stay. */
static void restore_loaded(lua_State *L) {
  int top = lua_gettop(L);
  sr_thread_push_loaded(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key);
  restore(L, top + 1, top + 2);
  drop_metatable(L, top + 1);
  lua_settop(L, top);
}

/* Calls io[field] with the file io[standard], which is the default one then unless it is closed. Needs io as it was. */
static void restore_file(lua_State *L, const char *field, const char *standard) {
  int top = lua_gettop(L);
  sr_thread_push_loaded(L);
  lua_getfield(L, -1, LUA_IOLIBNAME);
  lua_getfield(L, -1, field);
  lua_getfield(L, -2, standard);
  lua_pcall(L, 1, 0, 0);
  lua_settop(L, top);
}

static int l_nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Numbers and the like have none at first; the table of strings' own is among those that were remembered. */
static void drop_metatables_of_types(lua_State *L) {
  int top = lua_gettop(L);
  lua_pushnil(L);
  lua_pushboolean(L, 0);
  lua_pushinteger(L, 0);
  lua_pushcfunction(L, l_nothing);
  lua_pushlightuserdata(L, L);
  lua_pushthread(L);
  for (int i = top + 1; i <= top + 6; i++) drop_metatable(L, i);
  lua_settop(L, top);
}

bool sr_thread_clean(lua_State *L) {
  bool has_new = false;
  restore_loaded(L);
  drop_metatables_of_types(L);
  int top = lua_gettop(L), tables = top + 1, copies = top + 2, sizes = top + 3, table = top + 4, copy = top + 5;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sizes_key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, tables);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, tables, i);
    lua_rawgeti(L, copies, i);
    Changes changes = undo(L, table, copy);
    lua_rawgeti(L, sizes, i);
    if (changes.same < lua_tointeger(L, -1)) restore(L, table, copy);
    has_new = has_new || (i == 1 && changes.has_new);
    drop_metatable(L, table);
    lua_settop(L, sizes);
  }
  lua_pushliteral(L, "");
  lua_rawgeti(L, tables, count);
  lua_setmetatable(L, -2);
  restore_file(L, "input", "stdin");
  restore_file(L, "output", "stdout");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_Integer former = lua_tointeger(L, -1), modules = count_modules(L);
  lua_pushinteger(L, modules);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_settop(L, top);
  return !has_new || modules <= former;
}
