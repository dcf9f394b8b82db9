/* SPDX-License-Identifier: MIT */
/* Commands that are collected, see batch.h. */
#include "redis/batch.h"

#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

enum { FIRST_SIZE = 1024 };

void sr_redis_reserve(lua_State *L, int index, size_t count) {
  SrRedisBatch *batch = (SrRedisBatch *)lua_touserdata(L, index);
  int top = lua_gettop(L);
  while (batch->capacity - batch->size < count) {
    if (count > SIZE_MAX / 4 || batch->size > SIZE_MAX / 4) luaL_error(L, "not enough memory");
    size_t capacity = FIRST_SIZE + 2 * (batch->size + count);
    lua_pushvalue(L, index);
    char *bytes = (char *)lua_newuserdatauv(L, capacity, 0);
    if (batch->size <= capacity - count) { /* else a finalizer has collected much meanwhile */
      if (batch->size > 0) memcpy(bytes, batch->bytes, batch->size);
      batch->bytes = bytes;
      batch->capacity = capacity;
      lua_setiuservalue(L, -2, 1);
    }
    lua_settop(L, top);
  }
}

int sr_redis_l_batch(lua_State *L) {
  SrRedisBatch *batch = (SrRedisBatch *)lua_newuserdatauv(L, sizeof *batch, 1);
  memset(batch, 0, sizeof *batch);
  lua_pushvalue(L, 1);
  lua_setmetatable(L, -2);
  return 1;
}

int sr_redis_l_collect(lua_State *L) {
  SrRedisBatch *batch = (SrRedisBatch *)lua_touserdata(L, 1);
  size_t length;
  const char *command = luaL_checklstring(L, 2, &length);
  bool is_taken = !batch->is_over;
  if (is_taken) {
    sr_redis_reserve(L, 1, length);
    memcpy(batch->bytes + batch->size, command, length);
    batch->size += length;
    batch->count++;
  }
  lua_pushboolean(L, is_taken);
  return 1;
}

int sr_redis_l_finish(lua_State *L) {
  SrRedisBatch *batch = (SrRedisBatch *)lua_touserdata(L, 1);
  batch->is_over = true;
  lua_pushlstring(L, batch->bytes != NULL ? batch->bytes : "", batch->size);
  lua_pushinteger(L, batch->count);
  return 2;
}
