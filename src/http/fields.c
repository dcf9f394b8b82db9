/* SPDX-License-Identifier: MIT */
/* Fields of tables, see fields.h. */
#include "http/fields.h"

#include <math.h>

const char *sr_http_field_string(lua_State *L, int table, const char *name, size_t *length) {
  const char *value = lua_getfield(L, table, name) == LUA_TSTRING ? lua_tolstring(L, -1, length) : NULL;
  lua_pop(L, 1);
  return value;
}

double sr_http_field_number(lua_State *L, int table, const char *name) {
  double value = lua_getfield(L, table, name) == LUA_TNUMBER ? lua_tonumber(L, -1) : HUGE_VAL;
  lua_pop(L, 1);
  return value;
}

bool sr_http_field_true(lua_State *L, int table, const char *name) {
  lua_getfield(L, table, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}
