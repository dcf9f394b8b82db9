/* SPDX-License-Identifier: MIT */
/*
** Queues: queue, priority_queue and lifo_queue differ in their store.
**
** Invariant: getters wait only while there is no item, putters only while there is no room.
** An item goes from a putter straight onto the stack of the getter that waits longest; the
** item of a waiting putter stands at index 2 of its frame until there is room.
*/
#ifndef SR_QUEUE_H
#define SR_QUEUE_H

#include "sync/store.h"
#include "sync/sync.h"

typedef struct SrQueue {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *getters, *putters, *joiners;
  lua_Integer maxsize;    /* 0: unbounded */
  lua_Integer unfinished; /* items put and not reported by task_done */
  lua_Integer promised;   /* room that a putter who has been woken is about to fill */
  SrStore store;
  bool is_closed;
} SrQueue;

enum { SR_QUEUE_ITEM = 2 };

extern const SrClass sr_queue_class;

static inline SrQueue *sr_check_queue(lua_State *L, const char *function) {
  return (SrQueue *)sr_check_self(L, &sr_queue_class, function);
}
/* Whether a putter need not wait. */
static inline bool sr_queue_has_room(const SrQueue *queue) {
  return queue->maxsize == 0 || queue->store.count + queue->promised < queue->maxsize;
}
/* Pushes an empty queue without a limit. [-0, +1, m] */
SrQueue *sr_push_queue(lua_State *L, const SrStoreOps *ops);
/* Raises if the queue at index 1 has been changed too often while its items were compared. [-0, +0, v] */
void sr_queue_count_attempt(lua_State *L, int *attempts);
/* Moves the item of the oldest waiting putter, if there is one, into the room that has come free. [-0, +0, -] */
void sr_queue_admit_putter(lua_State *L, SrQueue *queue);

/* The constructors, and the methods that hand items over. */
int sr_l_queue(lua_State *L);
int sr_l_lifo_queue(lua_State *L);
int sr_l_priority_queue(lua_State *L);
int sr_l_queue_put(lua_State *L);
int sr_l_queue_try_put(lua_State *L);
int sr_l_queue_get(lua_State *L);
int sr_l_queue_try_get(lua_State *L);
int sr_l_queue_next(lua_State *L);
int sr_l_queue_items(lua_State *L);

#endif
