/* SPDX-License-Identifier: MIT */
/*
** The store of a queue: a ring of items, the oldest first. Places that are free hold nil. The places of a small ring
** are user values of the queue, which are reached by one call; one that outgrows them moves into a table.
*/
#include "sync/store.h"

/* Doubles the ring, which is on top of the stack: what stood before `first` moves behind the former end. */
static void grow(lua_State *L, SrStore *store) {
  for (lua_Integer i = 1; i <= store->first; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + store->capacity);
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  store->capacity *= 2;
}

/* Moves all into a table with twice as many places. Finalizers run before that, and may have done so. [-0, +0, m] */
static void move_out(lua_State *L, SrStore *store) {
  lua_createtable(L, (int)store->capacity * 2, 0);
  if (store->places == 0) {
    lua_pop(L, 1);
    return;
  }
  lua_Integer count = store->count;
  for (lua_Integer i = 1; i <= count; i++) {
    sr_store_take(L, store);
    lua_rawseti(L, -2, i);
  }
  lua_setiuservalue(L, 1, SR_STORE_ITEMS);
  store->places = 0;
  store->capacity *= 2;
  store->first = 0;
  store->count = count;
}

static bool put(lua_State *L, SrStore *store, int index) {
  if (store->places > 0) return move_out(L, store), false;
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  if (store->count == store->capacity) grow(L, store);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, ((store->first + store->count) & (store->capacity - 1)) + 1);
  store->count++;
  return true;
}

static bool take(lua_State *L, SrStore *store) {
  lua_Integer place = store->first + 1;
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_rawgeti(L, -1, place);
  lua_pushnil(L);
  lua_rawseti(L, -3, place);
  store->first = (store->first + 1) & (store->capacity - 1);
  store->count--;
  return true;
}

static void put_back(lua_State *L, SrStore *store, int index) {
  if (store->places > 0 && store->count == store->places) move_out(L, store);
  if (store->places == 0) {
    lua_getiuservalue(L, 1, SR_STORE_ITEMS);
    if (store->count == store->capacity) grow(L, store);
  }
  store->first = (store->first - 1) & (store->capacity - 1);
  lua_pushvalue(L, index);
  if (store->places > 0)
    lua_setiuservalue(L, 1, SR_STORE_PLACES + (int)store->first);
  else
    lua_rawseti(L, -2, store->first + 1);
  store->count++;
}

const SrStoreOps sr_ring_store = {put, take, put_back, false};
