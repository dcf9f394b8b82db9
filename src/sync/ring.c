/* SPDX-License-Identifier: MIT */
/* The store of a queue: a ring of items, the oldest first. Places that are free hold nil. */
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

static bool put(lua_State *L, SrStore *store, int index) {
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
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  if (store->count == store->capacity) grow(L, store);
  store->first = (store->first - 1) & (store->capacity - 1);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, store->first + 1);
  store->count++;
}

const SrStoreOps sr_ring_store = {put, take, put_back, false};
