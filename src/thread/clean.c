/* SPDX-License-Identifier: MIT */
/* Globals as they were, see clean.h. */
#include "thread/clean.h"

#include <lauxlib.h>
#include <lualib.h>

#include "thread/library.h"
#include "thread/snapshot.h"

/*
** In the registry: a list of tables, one of a copy of each, one of their snapshots: mostly nothing has changed, which
** those tell at once. The globals come first, the metatable of strings last.
*/
static const char tables_key, copies_key, snapshots_key;
/* A copy of package.loaded as it was at first; and a snapshot of what the last job has left of it. */
static const char loaded_key, modules_key;

static const char *const libraries[] = {LUA_GNAME,   "string", "table", "math",    "io", "os",
                                        "coroutine", "utf8",   "debug", "package", NULL};

/* --- remembering ----------------------------------------------------------------- */

/* Pushes a copy of the table at `table`. */
static void push_copy(lua_State *L, int table) {
  lua_newtable(L);
  int copy = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
}

/* Adds the table on top to the three lists, which are at the indices 1 to 3. [-1, +0, m] */
static void keep(lua_State *L) {
  int table = lua_gettop(L);
  if (!lua_istable(L, table)) {
    lua_pop(L, 1);
    return;
  }
  lua_Integer number = (lua_Integer)lua_rawlen(L, 1) + 1;
  push_copy(L, table);
  lua_rawseti(L, 2, number);
  sr_thread_push_snapshot(L, table);
  lua_rawseti(L, 3, number);
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

/* Remembers how package.loaded, at `loaded`, is left. Returns how many modules there are. */
static lua_Integer keep_modules(lua_State *L, int loaded) {
  sr_thread_push_snapshot(L, loaded);
  lua_Integer count = sr_thread_snapshot_size(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  return count;
}

static void keep_loaded(lua_State *L) {
  sr_thread_push_loaded(L);
  int loaded = lua_gettop(L);
  push_copy(L, loaded);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
  keep_modules(L, loaded);
  lua_pop(L, 1);
}

static int l_keep(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  keep_libraries(L);
  keep_loaded(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &snapshots_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tables_key);
  return 0;
}

void sr_thread_keep_clean(lua_State *L) {
  lua_pushcfunction(L, l_keep);
  lua_call(L, 0, 0);
}

/* --- putting back ------------------------------------------------------------------ */

/* Removes what is in the table and not in its copy, and puts back what is another value. Whether there was more. */
static bool undo(lua_State *L, int table, int copy) {
  bool has_new = false;
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
    has_new = has_new || is_new;
    lua_settop(L, key);
  }
  return has_new;
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

/* The modules that were there at first; those that were loaded since stay. Whether there are more than there were. */
static bool restore_loaded(lua_State *L) {
  int loaded = lua_gettop(L) + 1, former = loaded + 1, copy = loaded + 2;
  bool has_more = false;
  sr_thread_push_loaded(L);
  drop_metatable(L, loaded);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
  if (!sr_thread_is_unchanged(L, loaded, former)) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key);
    restore(L, loaded, copy);
    has_more = keep_modules(L, loaded) > sr_thread_snapshot_size(L, former);
  }
  lua_settop(L, loaded - 1);
  return has_more;
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

/* The frame of sr_thread_clean, above its top. */
enum { TABLES = 1, COPIES, SNAPSHOTS, TABLE, COPY, SNAPSHOT };

/* One of the remembered tables. Whether there were new fields in it. */
static bool restore_table(lua_State *L, int top, lua_Integer number) {
  bool has_new = false;
  lua_rawgeti(L, top + TABLES, number);
  lua_rawgeti(L, top + COPIES, number);
  lua_rawgeti(L, top + SNAPSHOTS, number);
  drop_metatable(L, top + TABLE);
  if (!sr_thread_is_unchanged(L, top + TABLE, top + SNAPSHOT)) {
    has_new = undo(L, top + TABLE, top + COPY);
    restore(L, top + TABLE, top + COPY);
    sr_thread_push_snapshot(L, top + TABLE); /* the order may be another one now */
    lua_rawseti(L, top + SNAPSHOTS, number);
  }
  lua_settop(L, top + SNAPSHOTS);
  return has_new;
}

bool sr_thread_clean(lua_State *L) {
  bool has_new = false, has_more = restore_loaded(L);
  drop_metatables_of_types(L);
  int top = lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &copies_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &snapshots_key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, top + TABLES);
  for (lua_Integer i = 1; i <= count; i++)
    if (restore_table(L, top, i) && i == 1) has_new = true;
  lua_pushliteral(L, "");
  lua_rawgeti(L, top + TABLES, count);
  lua_setmetatable(L, -2);
  restore_file(L, "input", "stdin");
  restore_file(L, "output", "stdout");
  lua_settop(L, top);
  return !has_new || !has_more;
}
