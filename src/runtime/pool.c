/* SPDX-License-Identifier: MIT */
/* The pool of coroutines. See pool.h. */
#include "runtime/pool.h"

/* A burst leaves its coroutines to the next one. Those beyond KEPT_SIZE that none needs go in the course of time. */
enum { FIRST_SIZE = 64, KEPT_SIZE = 1024, LAST_SIZE = 16384 };

/* So many nanoseconds after that was looked at last. */
static const int64_t TRIM_INTERVAL = 1000000000;

void sr_pool_renew(lua_State *L) {
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
}

static int l_new_coroutine(lua_State *L) {
  lua_newthread(L);
  return 1;
}

static bool push_new(lua_State *L) {
  lua_pushcfunction(L, l_new_coroutine);
  if (lua_pcall(L, 0, 1, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}

bool sr_coroutine_take(lua_State *L, SrRuntime *rt) {
  if (rt->pool.count == 0) return push_new(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
  lua_rawgeti(L, -1, (lua_Integer)rt->pool.count);
  lua_pushnil(L);
  lua_rawseti(L, -3, (lua_Integer)rt->pool.count--);
  lua_replace(L, -2);
  if (rt->pool.count < rt->pool.least) rt->pool.least = rt->pool.count;
  return true;
}

/* Copies what debug.sethook keeps for the coroutine at 1 to that at 2. */
static int l_copy_hook(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "_HOOKKEY") != LUA_TTABLE) return 0;
  lua_insert(L, 1);
  lua_insert(L, 2);
  lua_rawget(L, 1);
  lua_rawset(L, 1);
  return 0;
}

static void push_thread(lua_State *L, lua_State *co) {
  lua_pushthread(co);
  if (co != L) lua_xmove(co, L, 1);
}

bool sr_coroutine_hook(lua_State *L, lua_State *co, lua_State *base) {
  lua_pushcfunction(L, l_copy_hook);
  push_thread(L, base);
  push_thread(L, co);
  bool done = lua_pcall(L, 2, 0, 0) == LUA_OK;
  if (!done) lua_pop(L, 1);
  lua_sethook(co, lua_gethook(base), lua_gethookmask(base), lua_gethookcount(base));
  return done;
}

/* Makes room, so that giving back needs no memory. */
static int l_grow(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  unsigned capacity = rt->pool.capacity == 0 ? FIRST_SIZE : rt->pool.capacity * 2;
  lua_createtable(L, (int)capacity, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
  for (lua_Integer i = 1; i <= (lua_Integer)rt->pool.count; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -3, i);
  }
  lua_pop(L, 1);
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
  rt->pool.capacity = capacity;
  return 0;
}

static bool has_room(lua_State *L, SrRuntime *rt) {
  if (rt->pool.count < rt->pool.capacity) return true;
  return rt->pool.capacity < LAST_SIZE && sr_protected(L, l_grow, 0, 0);
}

void sr_coroutine_give(lua_State *L, SrRuntime *rt) {
  if (!has_room(L, rt)) {
    lua_pop(L, 1);
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)++rt->pool.count);
  lua_pop(L, 2);
}

void sr_coroutine_trim(lua_State *L, SrRuntime *rt) {
  SrPool *pool = &rt->pool;
  if (pool->count <= KEPT_SIZE) return;
  int64_t now = (int64_t)uv_hrtime();
  if (now - pool->trimmed < TRIM_INTERVAL) return;
  pool->trimmed = now;
  unsigned surplus = pool->least > KEPT_SIZE ? (pool->least - KEPT_SIZE + 1) / 2 : 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_IDLE_INDEX);
  for (; surplus > 0; surplus--) {
    lua_pushnil(L);
    lua_rawseti(L, -2, (lua_Integer)pool->count--);
  }
  lua_pop(L, 1);
  pool->least = pool->count;
}
