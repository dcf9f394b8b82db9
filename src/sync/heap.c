/* SPDX-License-Identifier: MIT */
/*
** The store of a priority_queue: a binary heap, the least item first. An item and its number of
** arrival stand side by side in one table; the number decides between equal items.
**
** Invariant: an error in `less` leaves the heap as it was. All comparing is done first and finds
** out a place; only then anything moves. Comparing runs code of the user's, and finalizers: if that
** has used the queue the place means nothing.
*/
#include "sync/store.h"

#include <lauxlib.h>

/* An item on the stack, and its number of arrival. */
typedef struct Entry {
  int index;
  lua_Integer number;
} Entry;

/* --- places in the table, which is at index `items` -------------------------- */

static Entry push_entry(lua_State *L, int items, lua_Integer place) {
  Entry entry;
  lua_rawgeti(L, items, 2 * place);
  entry.number = lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_rawgeti(L, items, 2 * place - 1);
  entry.index = lua_gettop(L);
  return entry;
}

static void set_entry(lua_State *L, int items, lua_Integer place, Entry entry) {
  lua_pushvalue(L, entry.index);
  lua_rawseti(L, items, 2 * place - 1);
  lua_pushinteger(L, entry.number);
  lua_rawseti(L, items, 2 * place);
}

static void move_entry(lua_State *L, int items, lua_Integer from, lua_Integer to) {
  set_entry(L, items, to, push_entry(L, items, from));
  lua_pop(L, 1);
}

static void clear_entry(lua_State *L, int items, lua_Integer place) {
  for (lua_Integer i = 2 * place - 1; i <= 2 * place; i++) {
    lua_pushnil(L);
    lua_rawseti(L, items, i);
  }
}

static int push_items(lua_State *L) {
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  return lua_gettop(L);
}

/* --- comparing: nothing moves ----------------------------------------------- */

static bool is_less(lua_State *L, int a, int b) {
  if (lua_getiuservalue(L, 1, SR_STORE_LESS) == LUA_TNIL) {
    lua_pop(L, 1);
    return lua_compare(L, a, b, LUA_OPLT);
  }
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  bool result = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return result;
}

static bool is_before(lua_State *L, Entry a, Entry b) {
  return a.number < b.number ? !is_less(L, b.index, a.index) : is_less(L, a.index, b.index);
}

/* Where a new entry belongs on the way from the last place up to the root. */
static lua_Integer find_up(lua_State *L, const SrStore *store, int items, Entry entry) {
  lua_Integer place = store->count + 1;
  bool is_above = true;
  while (place > 1 && is_above) {
    is_above = is_before(L, entry, push_entry(L, items, place / 2));
    lua_pop(L, 1);
    if (is_above) place /= 2;
  }
  return place;
}

/* The one of the two entries below `place` that comes first; the heap ends at `last`. */
static lua_Integer first_below(lua_State *L, int items, lua_Integer place, lua_Integer last) {
  lua_Integer left = 2 * place;
  if (left >= last) return left;
  Entry a = push_entry(L, items, left), b = push_entry(L, items, left + 1);
  bool is_left = is_before(L, a, b);
  lua_pop(L, 2);
  return is_left ? left : left + 1;
}

/* Where the last entry belongs on the way from the root down, once the root is gone. */
static lua_Integer find_down(lua_State *L, const SrStore *store, int items, Entry entry) {
  lua_Integer last = store->count - 1, place = 1;
  while (2 * place <= last) {
    lua_Integer below = first_below(L, items, place, last);
    bool is_above = is_before(L, entry, push_entry(L, items, below));
    lua_pop(L, 1);
    if (is_above) break;
    place = below;
  }
  return place;
}

/* --- moving: nothing is compared -------------------------------------------- */

/* If there is no memory for the new last place, this raises before anything has moved. */
static void insert(lua_State *L, SrStore *store, int items, lua_Integer place, Entry entry) {
  for (lua_Integer i = store->count + 1; i > place; i /= 2) move_entry(L, items, i / 2, i);
  set_entry(L, items, place, entry);
  store->count++;
  store->changes++;
}

static bool put(lua_State *L, SrStore *store, int index) {
  int items = push_items(L);
  unsigned changes = store->changes;
  Entry entry = {index, store->newest + 1};
  lua_Integer place = find_up(L, store, items, entry);
  if (store->changes != changes) return lua_pop(L, 1), false;
  insert(L, store, items, place, entry);
  store->newest++;
  return true;
}

/* Replaces the root by the last entry, on the stack, which goes to `place`. */
static void remove_root(lua_State *L, SrStore *store, int items, lua_Integer place, Entry entry) {
  int depth = 0;
  while (place >> depth > 1) depth++;
  while (depth-- > 0) move_entry(L, items, place >> depth, (place >> depth) / 2);
  set_entry(L, items, place, entry);
  clear_entry(L, items, store->count);
  store->count--;
  store->changes++;
}

static bool take(lua_State *L, SrStore *store) {
  int items = push_items(L);
  unsigned changes = store->changes;
  lua_rawgeti(L, items, 1);
  Entry entry = push_entry(L, items, store->count);
  lua_Integer place = find_down(L, store, items, entry);
  if (store->changes != changes) return lua_settop(L, items - 1), false;
  remove_root(L, store, items, place, entry);
  lua_pop(L, 1);
  return true;
}

/* --- put back --------------------------------------------------------------- */

/* (queue, item, store): the place of an item that came before all others, nothing if the queue was changed */
static int l_find_oldest(lua_State *L) {
  const SrStore *store = (const SrStore *)lua_touserdata(L, 3);
  unsigned changes = store->changes;
  lua_pushinteger(L, find_up(L, store, push_items(L), (Entry){2, store->oldest - 1}));
  return store->changes == changes;
}

/* Nobody is there who could be told of an error in `less`: then the item goes to the end. */
static void put_back(lua_State *L, SrStore *store, int index) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, l_find_oldest);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, index);
  lua_pushlightuserdata(L, store);
  bool ok = lua_pcall(L, 3, 1, 0) == LUA_OK && lua_isinteger(L, -1);
  lua_Integer place = ok ? lua_tointeger(L, -1) : store->count + 1;
  insert(L, store, push_items(L), place, (Entry){index, store->oldest - 1});
  store->oldest--;
  lua_settop(L, top);
}

const SrStoreOps sr_heap_store = {put, take, put_back, true};
