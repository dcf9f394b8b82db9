/* SPDX-License-Identifier: MIT */
/* The store of a lifo_queue: a stack of items, the newest first. */
#include "sync/store.h"

static bool put(lua_State *L, SrStore *store, int index) {
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, store->count + 1);
  store->count++;
  return true;
}

static bool take(lua_State *L, SrStore *store) {
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_rawgeti(L, -1, store->count);
  lua_pushnil(L);
  lua_rawseti(L, -3, store->count);
  store->count--;
  return true;
}

static void put_back(lua_State *L, SrStore *store, int index) {
  put(L, store, index);
}

const SrStoreOps sr_stack_store = {put, take, put_back, false};
