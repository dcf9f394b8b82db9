/* SPDX-License-Identifier: MIT */
/*
** Stores: where a queue keeps its items. The ring gives the oldest first, the stack the newest,
** the heap the least.
**
** Invariant: a store that raises is as it was. The queue is at index 1 of L and holds the table
** of items as user value SR_STORE_ITEMS.
*/
#ifndef SR_STORE_H
#define SR_STORE_H

#include "runtime/object.h"

typedef struct SrStore SrStore;

typedef struct SrStoreOps {
  /*
  ** Puts the value at `index` in; may leave a value on the stack. False: the store was changed while items were
  ** compared, and nothing is put: whoever calls has to look again whether there is room. [-0, +(0|1), e]
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
  lua_Integer oldest;   /* heap: the lowest number of arrival that was given */
  lua_Integer newest;   /* heap: the highest */
  unsigned changes;     /* heap: counts what was put and taken, and that the queue was closed */
};

/* User values of a queue: the table of items; the heap's `less`, nil for the operator. */
enum { SR_STORE_ITEMS = 1, SR_STORE_LESS };

/* Places that the table of items has from the beginning. */
enum { SR_STORE_CAPACITY = 16 };

extern const SrStoreOps sr_ring_store, sr_stack_store, sr_heap_store;

#endif
