/* SPDX-License-Identifier: MIT */
/* What is loaded when it is used first. See lazy.h. */
#include "runtime/lazy.h"

#include <string.h>

#include "runtime/place.h"

/* Pushes what `require` returns for a module. */
static void load(lua_State *L, const char *module) {
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  lua_call(L, 1, 1);
}

/* --- fields of saros ---------------------------------------------------------- */

/* The upvalues of its functions. The runtime is the first of all functions of ours, by which tracebacks know them. */
enum { FIELDS_ASYNC = SR_UP_RUNTIME + 1, FIELDS_LIST };

static const SrLazy *fields_of(lua_State *L) {
  return (const SrLazy *)lua_touserdata(L, lua_upvalueindex(FIELDS_LIST));
}

static const SrLazy *find_field(lua_State *L, const char *name) {
  for (const SrLazy *field = fields_of(L); field->name != NULL; field++)
    if (strcmp(field->name, name) == 0) return field;
  return NULL;
}

static int push_stream(lua_State *L, const SrLazy *field) {
  lua_getfield(L, -1, "standard");
  lua_pushinteger(L, field->stream);
  lua_call(L, 1, 1);
  return 1;
}

/* The __index of saros. */
static int l_index(lua_State *L) {
  const SrLazy *field = lua_type(L, 2) == LUA_TSTRING ? find_field(L, lua_tostring(L, 2)) : NULL;
  if (field == NULL) return lua_pushnil(L), 1;
  load(L, field->module);
  if (field->kind == SR_LAZY_STREAM) return push_stream(L, field);
  if (field->kind == SR_LAZY_FIELD) lua_getfield(L, -1, field->name);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(FIELDS_ASYNC));
  return 1;
}

/*
** loaded(path): saros/init.lua runs, out of that file. The files beside it are ours, so places in messages are not in
** them. When it is loaded once more, what it has loaded by itself is, too.
*/
static int l_loaded(lua_State *L) {
  static const char name[] = "init.lua";
  size_t length, tail = sizeof name - 1;
  const char *path = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
  if (path != NULL && length >= tail && strcmp(path + length - tail, name) == 0) {
    lua_pushlstring(L, path, length - tail);
    sr_set_home(L, lua_pushfstring(L, "@%s", lua_tostring(L, -1)));
  }
  for (const SrLazy *field = fields_of(L); field->name != NULL; field++) {
    lua_pushstring(L, field->name);
    lua_pushnil(L);
    lua_rawset(L, lua_upvalueindex(FIELDS_ASYNC));
  }
  return 0;
}

/* lazy_names(): a table whose keys are the names of the fields, the values those of their modules */
static int l_lazy_names(lua_State *L) {
  lua_newtable(L);
  for (const SrLazy *field = fields_of(L); field->name != NULL; field++) {
    lua_pushstring(L, field->module);
    lua_setfield(L, -2, field->name);
  }
  return 1;
}

/* Sets these functions in the table on top, with their upvalues. */
static void set_functions(lua_State *L, int async, const SrLazy *fields, const luaL_Reg *functions) {
  lua_pushvalue(L, lua_upvalueindex(SR_UP_RUNTIME));
  lua_pushvalue(L, async);
  lua_pushlightuserdata(L, (void *)fields);
  luaL_setfuncs(L, functions, FIELDS_LIST);
}

void sr_open_lazy(lua_State *L, const SrLazy *fields) {
  static const luaL_Reg functions[] = {{"loaded", l_loaded}, {"lazy_names", l_lazy_names}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__index", l_index}, {NULL, NULL}};
  int async = lua_gettop(L) - 1;
  set_functions(L, async, fields, functions);
  lua_createtable(L, 0, 1);
  set_functions(L, async, fields, meta);
  lua_setmetatable(L, async);
}

/* --- methods ------------------------------------------------------------------ */

/* The upvalues of what stands for a method. */
enum { METHOD_CLASS = SR_UP_RUNTIME + 1, METHOD_KEY, METHOD_MODULE, METHOD_NAME };

static int k_method(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

static int l_method(lua_State *L) {
  load(L, lua_tostring(L, lua_upvalueindex(METHOD_MODULE)));
  lua_getfield(L, -1, lua_tostring(L, lua_upvalueindex(METHOD_NAME)));
  lua_replace(L, -2);
  lua_pushvalue(L, lua_upvalueindex(METHOD_KEY));
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(METHOD_CLASS));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, k_method);
  return k_method(L, LUA_OK, 0);
}

void sr_set_lazy_method(lua_State *L, const char *method, const char *module, const char *name) {
  lua_getfield(L, -1, "__index");
  lua_pushstring(L, method);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_RUNTIME));
  lua_pushvalue(L, -3);
  lua_pushvalue(L, -3);
  lua_pushstring(L, module);
  lua_pushstring(L, name);
  lua_pushcclosure(L, l_method, METHOD_NAME);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}
