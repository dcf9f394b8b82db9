/* SPDX-License-Identifier: MIT */
/* The store of a lifo_queue: a stack of items, the newest first. */
#include "sync/store.h"

static void put(lua_State *L, SrStore *store, int index) {
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, store->count + 1);
  store->count++;
}

static void take(lua_State *L, SrStore *store) {
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_rawgeti(L, -1, store->count);
  lua_pushnil(L);
  lua_rawseti(L, -3, store->count);
  store->count--;
}

const SrStoreOps sr_stack_store = {put, take, put, false};
