/* SPDX-License-Identifier: MIT */
/* Where the error of a task arose. See origin.h. */
#include "runtime/origin.h"

#include "runtime/handle.h"

void sr_push_origin(lua_State *L, int error, bool is_fresh) {
  lua_createtable(L, SR_ORIGIN_IS_FRESH, 0);
  int record = lua_gettop(L);
  lua_pushvalue(L, error);
  lua_rawseti(L, record, SR_ORIGIN_ERROR);
  lua_pushvalue(L, record - 2);
  lua_rawseti(L, record, SR_ORIGIN_TRACE);
  lua_pushvalue(L, record - 1);
  lua_rawseti(L, record, SR_ORIGIN_SOURCE);
  lua_pushboolean(L, is_fresh);
  lua_rawseti(L, record, SR_ORIGIN_IS_FRESH);
  lua_replace(L, record - 2);
  lua_settop(L, record - 2);
}

int sr_get_origin(lua_State *L, int record, SrOrigin field) {
  if (lua_istable(L, record)) return lua_rawgeti(L, record, field);
  lua_pushnil(L);
  return LUA_TNIL;
}

void sr_set_origin(lua_State *L, int record, SrOrigin field) {
  lua_rawseti(L, record, field);
}

void sr_keep_origin(lua_State *L, SrTask *t) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
}

bool sr_find_origin(lua_State *L, SrTask *t, int error) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_rawget(L, -2);
  lua_replace(L, -2);
  sr_get_origin(L, lua_gettop(L), SR_ORIGIN_ERROR);
  bool is_found = lua_istable(L, -2) && lua_rawequal(L, -1, error);
  lua_pop(L, is_found ? 1 : 2);
  return is_found;
}

void sr_take_origin(lua_State *L, SrTask *t) {
  if (!sr_find_origin(L, t, lua_gettop(L))) lua_pushnil(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}
