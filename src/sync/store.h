/* SPDX-License-Identifier: MIT */
/*
** Stores: where a queue keeps its items. The ring gives the oldest first, the stack the newest,
** the heap the least.
**
** Invariant: a store that raises is as it was. The queue is at index 1 of L and holds the table
** of items as user value SR_STORE_ITEMS; a small ring is in user values of its own instead.
*/
#ifndef SR_STORE_H
#define SR_STORE_H

#include "runtime/object.h"

typedef struct SrStore SrStore;

typedef struct SrStoreOps {
  /*
  ** Puts the value at `index` in; may leave a value on the stack. False: the store was changed while items were
  ** compared, or made larger, and nothing is put: whoever calls has to look again whether there is room. [-0, +(0|1), e]
  */
  bool (*put)(lua_State *L, SrStore *store, int index);
  /* Takes the next item out; another value may stand below it. False: as for `put`, with nothing pushed. [-0, +(1|2), e] */
  bool (*take)(lua_State *L, SrStore *store);
  /* Puts the value at `index` in as the next item: it had been taken. [-0, +(0|1), m] */
  void (*put_back)(lua_State *L, SrStore *store, int index);
  bool compares; /* `put` and `take` run code of the user's, which may raise, and finalizers */
} SrStoreOps;

struct SrStore {
  const SrStoreOps *ops;
  lua_Integer count;    /* items in it */
  lua_Integer first;    /* ring: the place of the oldest item, from 0 */
  lua_Integer capacity; /* ring: places, a power of two */
  lua_Integer places;   /* ring: the same as long as they are in the queue itself; 0: they are in a table */
  lua_Integer oldest;   /* heap: the lowest number of arrival that was given */
  lua_Integer newest;   /* heap: the highest */
  unsigned changes;     /* heap: counts what was put and taken, and that the queue was closed */
};

/* User values of a queue: the table of items; the heap's `less`, nil for the operator, or the places of a small ring. */
enum { SR_STORE_ITEMS = 1, SR_STORE_LESS, SR_STORE_PLACES = SR_STORE_LESS };

/* Places that there are from the beginning, unless fewer suffice, and the most that a queue has in itself. */
enum { SR_STORE_CAPACITY = 16, SR_STORE_MOST_PLACES = 256 };

extern const SrStoreOps sr_ring_store, sr_stack_store, sr_heap_store;

/* Puts the value at `index` in: see SrStoreOps. */
static inline bool sr_store_put(lua_State *L, SrStore *store, int index) {
  if (store->count >= store->places) return store->ops->put(L, store, index);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, 1, SR_STORE_PLACES + (int)((store->first + store->count) & (store->places - 1)));
  store->count++;
  return true;
}

/* Takes the next item out: see SrStoreOps. */
static inline bool sr_store_take(lua_State *L, SrStore *store) {
  if (store->places == 0) return store->ops->take(L, store);
  int place = SR_STORE_PLACES + (int)store->first;
  lua_getiuservalue(L, 1, place);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, place);
  store->first = (store->first + 1) & (store->places - 1);
  store->count--;
  return true;
}

#endif
