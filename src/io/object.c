/* SPDX-License-Identifier: MIT */
/* Classes of userdata, and arguments checked by name: see object.h. */
#include "io/object.h"

#include <math.h>
#include <string.h>

const saros_api *sr_io_saros;

int sr_io_self_error(lua_State *L, const SrIoClass *cls, const char *function) {
  return luaL_error(L, "calling '%s' on bad self (%s expected, got %s; call it with a colon)", function, cls->name,
                    luaL_typename(L, 1));
}

void *sr_io_new(lua_State *L, const SrIoClass *cls, size_t size, int values) {
  const SrIoClass **object = (const SrIoClass **)lua_newuserdatauv(L, size, values);
  memset((void *)object, 0, size);
  *object = cls;
  sr_io_push_meta(L, cls);
  lua_setmetatable(L, -2);
  return (void *)object;
}

void sr_io_class(lua_State *L, const SrIoClass *cls, const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_newtable(L);
  lua_pushstring(L, cls->name);
  lua_setfield(L, -2, "__name");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  luaL_setfuncs(L, meta, 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, cls);
}

void sr_io_push_meta(lua_State *L, const SrIoClass *cls) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
}

/* --- arguments -------------------------------------------------------------- */

int sr_io_type_error(lua_State *L, const char *function, int index, int arg, const char *expected) {
  const char *got = lua_isnone(L, index) ? "no value" : luaL_typename(L, index);
  return sr_io_saros->arg_error(L, function, arg, "%s expected, got %s", expected, got);
}

const char *sr_io_string(lua_State *L, const char *function, int index, int arg, size_t *length) {
  if (lua_type(L, index) != LUA_TSTRING) sr_io_type_error(L, function, index, arg, "string");
  return lua_tolstring(L, index, length);
}

const char *sr_io_name(lua_State *L, const char *function, int index, int arg) {
  size_t length;
  const char *name = sr_io_string(L, function, index, arg, &length);
  if (memchr(name, '\0', length) != NULL) sr_io_saros->arg_error(L, function, arg, "must not contain NUL bytes");
  return name;
}

lua_Integer sr_io_integer(lua_State *L, const char *function, int index, int arg, lua_Integer least, lua_Integer most) {
  int is_integer;
  lua_Integer value = lua_tointegerx(L, index, &is_integer);
  if (lua_type(L, index) != LUA_TNUMBER) sr_io_type_error(L, function, index, arg, "integer");
  if (!is_integer) sr_io_saros->arg_error(L, function, arg, "number has no integer representation");
  if (value < least)
    sr_io_saros->arg_error(L, function, arg, "must be at least %I, got %I", (LUAI_UACINT)least, (LUAI_UACINT)value);
  if (value > most)
    sr_io_saros->arg_error(L, function, arg, "must be at most %I, got %I", (LUAI_UACINT)most, (LUAI_UACINT)value);
  return value;
}

double sr_io_seconds(lua_State *L, const char *function, int index, int arg) {
  if (lua_isnoneornil(L, index)) return HUGE_VAL;
  if (lua_type(L, index) != LUA_TNUMBER) sr_io_type_error(L, function, index, arg, "number");
  double seconds = (double)lua_tonumber(L, index);
  if (seconds != seconds) sr_io_saros->arg_error(L, function, arg, "seconds must not be NaN");
  return seconds < 0 ? 0 : seconds;
}
