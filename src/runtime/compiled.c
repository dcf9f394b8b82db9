/* SPDX-License-Identifier: MIT */
/* Modules of saros that are compiled already, see compiled.h. */
#include "runtime/compiled.h"

#ifdef SAROS_COMPILED

#include <stdlib.h>
#include <string.h>

/* With `saros.` before it that is the longest name. */
enum { NAME_SIZE = 32 };

typedef struct Module {
  char name[NAME_SIZE]; /* without `saros.` */
  bool is_folder;       /* its file is init.lua in there */
  uint32_t start, size; /* of its code */
} Module;

#include "compiled_modules.h"

static int compare(const void *name, const void *module) {
  return strcmp((const char *)name, ((const Module *)module)->name);
}

/* NULL: none. */
static const Module *find_module(const char *name) {
  static const char prefix[] = "saros.";
  size_t length = sizeof prefix - 1, count = sizeof modules / sizeof modules[0];
  if (strncmp(name, prefix, length) != 0) return NULL;
  return (const Module *)bsearch(name + length, modules, count, sizeof modules[0], compare);
}

/* Compiled code in pieces, between which the name of its source belongs. */
typedef struct Pieces {
  const void *at[4];
  size_t size[4];
  unsigned next;
} Pieces;

static const char *read_piece(lua_State *L, void *data, size_t *size) {
  Pieces *pieces = (Pieces *)data;
  (void)L;
  if (pieces->next == sizeof pieces->at / sizeof pieces->at[0]) return NULL;
  *size = pieces->size[pieces->next];
  return (const char *)pieces->at[pieces->next++];
}

/* Writes a size as Lua does: seven bits a byte, the highest first, and a mark on the last. Returns where it begins. */
static unsigned char *write_size(unsigned char *end, size_t size) {
  unsigned char *at = end;
  *--at = (unsigned char)((size & 0x7f) | 0x80);
  while ((size >>= 7) != 0) *--at = (unsigned char)(size & 0x7f);
  return at;
}

/* Returns a status. [-0, +1, -] */
static int load_module(lua_State *L, const Module *module, const char *source) {
  unsigned char room[sizeof(size_t) * 8 / 7 + 1], *end = room + sizeof room;
  size_t length = strlen(source);
  unsigned char *size = write_size(end, length + 1);
  Pieces pieces = {.at = {head, size, source, code + module->start},
                   .size = {sizeof head, (size_t)(end - size), length, module->size}};
  return lua_load(L, read_piece, &pieces, source, "b");
}

/* Pushes the name of the module's source: the path of its file, if that of saros itself is known. */
static const char *push_source(lua_State *L, const Module *module) {
  const SrRuntime *rt = sr_rt(L);
  if (rt->places.home == NULL) return NULL;
  const char *path = luaL_gsub(L, module->name, ".", LUA_DIRSEP);
  return lua_pushfstring(L, "%s%s%s.lua", rt->places.home, path, module->is_folder ? LUA_DIRSEP "init" : "");
}

/* Whether the program has a loader of its own for it: other searchers may have come before that which finds those. */
static bool is_preloaded(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  bool is_there = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_pop(L, 2);
  return is_there;
}

/* The searcher: (name) gives a loader and the path, or nothing. */
static int l_search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const Module *module = find_module(name);
  const char *source = module != NULL && !is_preloaded(L, name) ? push_source(L, module) : NULL;
  if (source == NULL) return 0;
  int status = load_module(L, module, source);
  if (status == LUA_ERRMEM) return lua_error(L);
  if (status != LUA_OK) return 0; /* it is of another Lua */
  lua_pushstring(L, source + 1);
  return 2;
}

/* Inserts what is on top, unless a function of the same code stands there. [-1, +0, m] */
static void insert(lua_State *L, int list, lua_Integer position) {
  lua_rawgeti(L, list, position);
  bool is_there = lua_tocfunction(L, -1) == lua_tocfunction(L, -2);
  lua_pop(L, 1);
  if (is_there) {
    lua_pop(L, 1);
    return;
  }
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, list); i >= position; i--) {
    lua_rawgeti(L, list, i);
    lua_rawseti(L, list, i + 1);
  }
  lua_rawseti(L, list, position);
}

void sr_open_compiled(lua_State *L) {
  int top = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  if (lua_istable(L, -1) && lua_getfield(L, -1, "searchers") == LUA_TTABLE) {
    lua_pushvalue(L, lua_upvalueindex(SR_UP_RUNTIME));
    lua_pushcclosure(L, l_search, SR_UP_RUNTIME);
    insert(L, lua_gettop(L) - 1, 2);
  }
  lua_settop(L, top);
}

#else

void sr_open_compiled(lua_State *L) {
  (void)L;
}

#endif
