/* SPDX-License-Identifier: MIT */
/* The pool of coroutines. See pool.h. */
#include "runtime/pool.h"

#include <stdlib.h>

/* A burst leaves its coroutines to the next one. Those beyond KEPT_SIZE that none needs go in the course of time. */
enum { FIRST_SIZE = 64, KEPT_SIZE = 1024, LAST_SIZE = 16384 };

/* So many nanoseconds after that was looked at last. */
static const int64_t TRIM_INTERVAL = 1000000000;

void sr_pool_renew(lua_State *L) {
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, SR_POOL_INDEX);
}

void sr_pool_free(SrRuntime *rt) {
  free(rt->pool.idle);
  sr_slots_free(&rt->pool.places);
  rt->pool = (SrPool){0};
}

/* --- new ones ---------------------------------------------------------------- */

/* Makes room for one more that waits, so that giving it back needs no memory. */
static bool has_room(SrPool *pool) {
  unsigned used = pool->places.top - pool->places.count;
  if (used < pool->capacity) return true;
  if (used == LAST_SIZE) return false;
  unsigned capacity = pool->capacity == 0 ? FIRST_SIZE : pool->capacity * 2;
  SrIdle *idle = (SrIdle *)realloc(pool->idle, capacity * sizeof *idle);
  if (idle == NULL) return false;
  pool->idle = idle;
  pool->capacity = capacity;
  return true;
}

/* (pool): a new coroutine, and its place. Finalizers run before a place is looked for. */
static int l_new_coroutine(lua_State *L) {
  SrPool *pool = (SrPool *)lua_touserdata(L, 1);
  uint32_t place;
  lua_newthread(L);
  if (!has_room(pool) || !sr_slots_peek(&pool->places, &place)) {
    lua_pushinteger(L, 0);
    return 2;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_POOL_INDEX);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)place);
  lua_pop(L, 1);
  sr_slots_commit(&pool->places);
  lua_pushinteger(L, (lua_Integer)place);
  return 2;
}

static lua_State *push_new(lua_State *L, SrPool *pool, uint16_t *place) {
  lua_pushcfunction(L, l_new_coroutine);
  lua_pushlightuserdata(L, pool);
  if (lua_pcall(L, 1, 2, 0) != LUA_OK) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_State *co = lua_tothread(L, -2);
  *place = (uint16_t)lua_tointeger(L, -1);
  lua_pop(L, *place == 0 ? 1 : 2);
  return co;
}

lua_State *sr_coroutine_take(lua_State *L, SrRuntime *rt, uint16_t *place) {
  SrPool *pool = &rt->pool;
  if (pool->count == 0) return push_new(L, pool, place);
  SrIdle *idle = &pool->idle[--pool->count];
  if (pool->count < pool->least) pool->least = pool->count;
  *place = (uint16_t)idle->place;
  return idle->co;
}

/* --- hooks ------------------------------------------------------------------- */

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

/* --- the end of them --------------------------------------------------------- */

/* The pool's table is on top. [-0, +0, -] */
static void clear_place(lua_State *L, SrPool *pool, unsigned place) {
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)place);
  sr_slots_give(&pool->places, place);
}

void sr_coroutine_drop(lua_State *L, SrRuntime *rt, unsigned place) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_POOL_INDEX);
  clear_place(L, &rt->pool, place);
  lua_pop(L, 1);
}

void sr_coroutine_trim(lua_State *L, SrRuntime *rt) {
  SrPool *pool = &rt->pool;
  if (pool->count <= KEPT_SIZE) return;
  int64_t now = (int64_t)uv_hrtime();
  if (now - pool->trimmed < TRIM_INTERVAL) return;
  pool->trimmed = now;
  unsigned surplus = pool->least > KEPT_SIZE ? (pool->least - KEPT_SIZE + 1) / 2 : 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_POOL_INDEX);
  for (; surplus > 0; surplus--) clear_place(L, pool, pool->idle[--pool->count].place);
  lua_pop(L, 1);
  pool->least = pool->count;
}
