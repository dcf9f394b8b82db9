/* SPDX-License-Identifier: MIT */
/* Names for what every state has, see library.h. */
#include "thread/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "thread/snapshot.h"

/* Lua's own, which every state has. A function that is in several modules gets the name that comes first. */
static const char *const standard[] = {"_G",        "string", "table", "math",    "io", "os",
                                       "coroutine", "utf8",   "debug", "package", NULL};

void sr_thread_push_loaded(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

static bool is_standard(const char *name) {
  for (const char *const *each = standard; *each != NULL; each++)
    if (strcmp(*each, name) == 0) return true;
  return false;
}

/* Whether package.searchpath finds the module in package[field]. */
static bool is_found(lua_State *L, const char *name, const char *field) {
  int top = lua_gettop(L);
  bool is = false;
  sr_thread_push_loaded(L);
  if (lua_getfield(L, -1, LUA_LOADLIBNAME) == LUA_TTABLE && lua_getfield(L, -1, "searchpath") == LUA_TFUNCTION) {
    lua_pushstring(L, name);
    if (lua_getfield(L, top + 2, field) == LUA_TSTRING && lua_pcall(L, 2, 1, 0) == LUA_OK) is = lua_isstring(L, -1);
  }
  lua_settop(L, top);
  return is;
}

/* A library may hold submodules, too: "a.b" is looked for as "a" then, as `require` does. */
bool sr_thread_is_loadable(lua_State *L, const char *name) {
  if (is_standard(name) || is_found(L, name, "path") || is_found(L, name, "cpath")) return true;
  const char *dot = strchr(name, '.');
  if (dot == NULL) return false;
  lua_pushlstring(L, name, (size_t)(dot - name));
  bool is = is_found(L, lua_tostring(L, -1), "cpath");
  lua_pop(L, 1);
  return is;
}

/* Names the functions of the table at `module` in the table at `names`. */
static void add_functions(lua_State *L, int names, int module, const char *name) {
  size_t length = strlen(name) + 1; /* its NUL parts the two */
  lua_pushnil(L);
  while (lua_next(L, module) != 0) {
    if (lua_iscfunction(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, names) == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_pushlstring(L, name, length);
        lua_pushvalue(L, -5);
        lua_concat(L, 2);
        lua_rawset(L, names);
      }
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

/* Takes the module on top, which has that name. [-1, +0, m] */
typedef void Visit(lua_State *L, int names, const char *name);

static void name_module(lua_State *L, int names, const char *name) {
  int module = lua_gettop(L);
  if (lua_istable(L, module)) {
    lua_pushstring(L, name);
    lua_rawset(L, names);
  }
  lua_settop(L, module - 1);
}

static void name_functions(lua_State *L, int names, const char *name) {
  int module = lua_gettop(L);
  if (lua_istable(L, module))
    add_functions(L, names, module, name);
  else if (lua_iscfunction(L, module)) { /* which has no field */
    lua_pushlstring(L, name, strlen(name) + 1);
    lua_rawset(L, names);
  }
  lua_settop(L, module - 1);
}

/* Calls `visit` for each module, with the table at `names`. */
static void visit_modules(lua_State *L, int names, Visit *visit) {
  sr_thread_push_loaded(L);
  int loaded = lua_gettop(L);
  for (const char *const *name = standard; *name != NULL; name++) {
    lua_getfield(L, loaded, *name);
    visit(L, names, *name);
  }
  lua_pushnil(L);
  while (lua_next(L, loaded) != 0) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (name == NULL || is_standard(name))
      lua_pop(L, 1);
    else
      visit(L, names, name);
  }
  lua_settop(L, loaded - 1);
}

/* In the registry: the names of modules as they were found last, and package.loaded as it was then. */
static const char modules_key, loaded_key;

/* What a finalizer loads meanwhile is not in the snapshot, so the next one who asks finds all of it anew. */
static void find_modules(lua_State *L) {
  sr_thread_push_loaded(L);
  sr_thread_push_snapshot(L, lua_gettop(L));
  lua_newtable(L);
  visit_modules(L, lua_gettop(L), name_module);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
  lua_pop(L, 1);
}

void sr_thread_push_modules(lua_State *L) {
  sr_thread_push_loaded(L);
  int loaded = lua_gettop(L);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key) != LUA_TUSERDATA || !sr_thread_is_unchanged(L, loaded, loaded + 1))
    find_modules(L);
  lua_settop(L, loaded - 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
}

/* --- functions ------------------------------------------------------------------- */

/* In the registry: the names of functions as they were found last. */
static const char functions_key;

/* Whether the function at `index` still is where the name on top says. */
static bool is_there(lua_State *L, int index) {
  int top = lua_gettop(L);
  const char *name = lua_tostring(L, top), *field = name + strlen(name) + 1;
  sr_thread_push_loaded(L);
  lua_getfield(L, -1, name);
  if (*field != '\0' && lua_istable(L, -1)) {
    lua_pushstring(L, field);
    lua_rawget(L, -2);
  }
  bool is = lua_rawequal(L, -1, index);
  lua_settop(L, top);
  return is;
}

static void find_functions(lua_State *L) {
  lua_newtable(L);
  visit_modules(L, lua_gettop(L), name_functions);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &functions_key);
}

/* Replaces the function on top by its name, or nil. */
static void look_up(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key) == LUA_TNIL) {
    lua_replace(L, -2);
    return;
  }
  lua_insert(L, -2);
  lua_rawget(L, -2);
  lua_replace(L, -2);
}

void sr_thread_push_function_name(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushvalue(L, index);
  look_up(L);
  if (!lua_isnil(L, -1) && is_there(L, index)) return;
  lua_pop(L, 1);
  find_functions(L);
  lua_pushvalue(L, index);
  look_up(L);
}

/* --- modules ----------------------------------------------------------------------- */

void sr_thread_push_module(lua_State *L, const char *name) {
  sr_thread_push_loaded(L);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_getfield(L, -2, LUA_GNAME);
    lua_getfield(L, -1, "require");
    lua_replace(L, -2);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_replace(L, -2);
  }
  lua_replace(L, -2);
}

void sr_thread_check_stack(lua_State *L, int count) {
  if (lua_checkstack(L, count + LUA_MINSTACK)) return;
  lua_pushliteral(L, "not enough memory");
  lua_error(L);
}
