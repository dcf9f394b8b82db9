/* SPDX-License-Identifier: MIT */
/*
** Queue: a ring of items in a table, user value 1.
**
** Invariant: getters wait only while there is no item, putters only while there is no room.
** An item goes from a putter straight onto the stack of the getter that waits longest; the
** item of a waiting putter stands at index 2 of its frame until there is room.
*/
#include "runtime/error.h"
#include "sync/sync.h"

typedef struct Queue {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *getters, *putters, *joiners;
  lua_Integer maxsize;      /* 0: unbounded */
  lua_Integer first, count; /* the oldest item, from 0, and how many there are */
  lua_Integer capacity;     /* places in the ring, a power of two */
  lua_Integer unfinished;   /* items put and not reported by task_done */
  bool is_closed;
} Queue;

enum { FIRST_CAPACITY = 16, RING = 1, ITEM = 2 };

static const SrClass queue_class = {"queue"};

/* --- check, new ------------------------------------------------------------- */

static Queue *check_queue(lua_State *L, const char *function) {
  return (Queue *)sr_check_self(L, &queue_class, function);
}

static void new_ring(lua_State *L, int index, Queue *queue) {
  lua_createtable(L, FIRST_CAPACITY, 0);
  lua_setiuservalue(L, index, RING);
  queue->capacity = FIRST_CAPACITY;
  queue->first = 0;
}

/* queue([maxsize]): unbounded without one */
static int l_queue(lua_State *L) {
  lua_Integer maxsize = lua_isnoneornil(L, 1) ? 0 : sr_check_integer(L, "queue", 1, 1, 1);
  Queue *queue = (Queue *)sr_new_object(L, &queue_class, sizeof(Queue), 1);
  queue->rt = sr_rt(L);
  queue->maxsize = maxsize;
  new_ring(L, lua_gettop(L), queue);
  return 1;
}

static int closed_error(lua_State *L, const char *function) {
  sr_push_error(L, "ClosedError", "ECLOSED", "%s: the queue is closed", function);
  return lua_error(L);
}

static void check_item(lua_State *L, const char *function) {
  if (lua_isnoneornil(L, ITEM)) sr_arg_error(L, function, 1, "nil cannot be an item");
}

/* --- the ring --------------------------------------------------------------- */

static lua_Integer place_of(const Queue *queue, lua_Integer number) {
  return ((queue->first + number) & (queue->capacity - 1)) + 1;
}

/* Doubles the ring, which is on top of the stack: what stood before `first` moves behind the former end. */
static void grow(lua_State *L, Queue *queue) {
  for (lua_Integer i = 1; i <= queue->first; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + queue->capacity);
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  queue->capacity *= 2;
}

/* Puts the value at `index` into the ring of the queue at index 1; leaves the ring on the stack. [-0, +1, m] */
static void push_item(lua_State *L, Queue *queue, int index) {
  lua_getiuservalue(L, 1, RING);
  if (queue->count == queue->capacity) grow(L, queue);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, place_of(queue, queue->count));
  queue->count++;
}

/* Takes the oldest item of the queue at index 1; the ring stays below it on the stack. [-0, +2, m] */
static void pop_item(lua_State *L, Queue *queue) {
  lua_Integer place = place_of(queue, 0);
  lua_getiuservalue(L, 1, RING);
  lua_rawgeti(L, -1, place);
  lua_pushnil(L);
  lua_rawseti(L, -3, place);
  queue->first = (queue->first + 1) & (queue->capacity - 1);
  queue->count--;
}

/* Moves the item of the oldest waiting putter, if there is one, into the room that has come free. */
static void admit_putter(lua_State *L, Queue *queue) {
  SrWaiter *waiter = queue->putters;
  if (waiter == NULL) return;
  SrTask *t = sr_task_of(waiter);
  lua_pushvalue(t->co, ITEM);
  lua_xmove(t->co, L, 1);
  push_item(L, queue, lua_gettop(L));
  lua_pop(L, 2);
  queue->unfinished++;
  sr_ring_remove(&queue->putters, waiter);
  sr_wake(t);
}

static bool has_room(const Queue *queue) {
  return queue->maxsize == 0 || queue->count < queue->maxsize;
}

/* Gives the item at index 2 to the oldest getter, or to the ring. [-0, +(0|1), m] */
static void accept_item(lua_State *L, Queue *queue) {
  queue->unfinished++;
  SrWaiter *waiter = sr_ring_take(&queue->getters);
  if (waiter == NULL) {
    push_item(L, queue, ITEM);
    return;
  }
  SrTask *t = sr_task_of(waiter);
  lua_pushvalue(L, ITEM);
  lua_xmove(L, t->co, 1);
  sr_wake(t);
}

/* --- put -------------------------------------------------------------------- */

static int abort_put(SrTask *t) {
  sr_ring_remove(&((Queue *)t->object)->putters, &t->waiter);
  return 1;
}

static const SrKind put_kind = {"room in a queue", abort_put, NULL, false, NULL, NULL};

/* Closing the queue leaves a mark above the item. */
static int k_put(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return lua_gettop(L) > ITEM ? closed_error(L, "queue:put") : 0;
}

/* queue:put(value). Waits for room. */
static int l_put(lua_State *L) {
  Queue *queue = check_queue(L, "queue:put");
  check_item(L, "queue:put");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:put");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (queue->is_closed) return closed_error(L, "queue:put");
  if (has_room(queue)) {
    accept_item(L, queue);
    return sr_return(L, t, 0);
  }
  lua_settop(L, ITEM);
  sr_ring_append(&queue->putters, &t->waiter);
  return sr_park(L, t, &put_kind, queue, k_put);
}

/* queue:try_put(value): whether there was room */
static int l_try_put(lua_State *L) {
  Queue *queue = check_queue(L, "queue:try_put");
  check_item(L, "queue:try_put");
  if (queue->is_closed) return closed_error(L, "queue:try_put");
  bool fits = has_room(queue);
  if (fits) accept_item(L, queue);
  lua_pushboolean(L, fits);
  return 1;
}

/* --- get -------------------------------------------------------------------- */

static int abort_get(SrTask *t) {
  sr_ring_remove(&((Queue *)t->object)->getters, &t->waiter);
  return 1;
}

/* The item on top of its stack goes to the next getter, or back to where it came from. */
static void undo_get(lua_State *L, SrTask *t) {
  Queue *queue = (Queue *)t->object;
  SrWaiter *waiter = sr_ring_take(&queue->getters);
  if (lua_isnil(t->co, -1)) return;
  lua_xmove(t->co, L, 1);
  if (waiter != NULL) {
    lua_xmove(L, sr_task_of(waiter)->co, 1);
    sr_wake(sr_task_of(waiter));
    return;
  }
  lua_pushvalue(t->co, 1);
  lua_xmove(t->co, L, 1);
  lua_insert(L, 1);
  lua_getiuservalue(L, 1, RING);
  if (queue->count == queue->capacity) grow(L, queue);
  queue->first = (queue->first - 1) & (queue->capacity - 1);
  queue->count++;
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, place_of(queue, 0));
  lua_pop(L, 2);
  lua_remove(L, 1);
}

static const SrKind get_kind = {"an item of a queue", abort_get, NULL, false, NULL, undo_get};

static int k_get(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return sr_was_woken(L, t) ? 1 : sr_throw(L, t);
}

static void take_item(lua_State *L, Queue *queue) {
  pop_item(L, queue);
  if (queue->putters != NULL) admit_putter(L, queue);
}

static int get(lua_State *L, const char *function) {
  Queue *queue = check_queue(L, function);
  SrTask *t = sr_check_wait_in(L, queue->rt, function);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (queue->count > 0) {
    take_item(L, queue);
    return sr_return(L, t, 1);
  }
  if (queue->is_closed) return lua_pushnil(L), sr_return(L, t, 1);
  sr_ring_append(&queue->getters, &t->waiter);
  return sr_park(L, t, &get_kind, queue, k_get);
}

/* queue:get(): the oldest item; nil once the queue is closed and empty. Waits. */
static int l_get(lua_State *L) {
  return get(L, "queue:get");
}

/* What a for loop calls. */
static int l_next(lua_State *L) {
  return get(L, "queue:items");
}

/* queue:items(): for v in queue:items() do */
static int l_items(lua_State *L) {
  check_queue(L, "queue:items");
  lua_getmetatable(L, 1);
  lua_getfield(L, -1, "__call");
  lua_pushvalue(L, 1);
  return 2;
}

/* queue:try_get(): an item, or nil if there is none */
static int l_try_get(lua_State *L) {
  Queue *queue = check_queue(L, "queue:try_get");
  if (queue->count == 0)
    lua_pushnil(L);
  else
    take_item(L, queue);
  return 1;
}

/* --- join ------------------------------------------------------------------- */

/* queue:task_done(): an item that get gave has been dealt with */
static int l_task_done(lua_State *L) {
  Queue *queue = check_queue(L, "queue:task_done");
  if (queue->unfinished == 0) return luaL_error(L, "queue:task_done: called more often than items were put");
  if (--queue->unfinished > 0) return 0;
  SrWaiter *waiter;
  while ((waiter = sr_ring_take(&queue->joiners)) != NULL) sr_wake(sr_task_of(waiter));
  return 0;
}

static int abort_join(SrTask *t) {
  sr_ring_remove(&((Queue *)t->object)->joiners, &t->waiter);
  return 1;
}

static const SrKind join_kind = {"the last task_done of a queue", abort_join, NULL, false, NULL, NULL};

static int k_join(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return sr_was_woken(L, t) ? 0 : sr_throw(L, t);
}

/* queue:join(): until task_done was called for every item. Waits. */
static int l_join(lua_State *L) {
  Queue *queue = check_queue(L, "queue:join");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:join");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (queue->unfinished == 0) return sr_return(L, t, 0);
  sr_ring_append(&queue->joiners, &t->waiter);
  return sr_park(L, t, &join_kind, queue, k_join);
}

/* --- the rest --------------------------------------------------------------- */

/* queue:close(), __close: putters get ClosedError, getters what is there and then nil */
static int l_close(lua_State *L) {
  Queue *queue = check_queue(L, "queue:close");
  SrWaiter *waiter;
  if (queue->is_closed) return 0;
  queue->is_closed = true;
  while ((waiter = sr_ring_take(&queue->getters)) != NULL) {
    lua_pushnil(sr_task_of(waiter)->co);
    sr_wake(sr_task_of(waiter));
  }
  while ((waiter = sr_ring_take(&queue->putters)) != NULL) {
    lua_pushboolean(sr_task_of(waiter)->co, 1);
    sr_wake(sr_task_of(waiter));
  }
  return 0;
}

/* queue:size() */
static int l_size(lua_State *L) {
  lua_pushinteger(L, check_queue(L, "queue:size")->count);
  return 1;
}

/* queue:maxsize(): nil if it is unbounded */
static int l_maxsize(lua_State *L) {
  lua_Integer maxsize = check_queue(L, "queue:maxsize")->maxsize;
  if (maxsize == 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, maxsize);
  return 1;
}

/* queue:empty() */
static int l_empty(lua_State *L) {
  lua_pushboolean(L, check_queue(L, "queue:empty")->count == 0);
  return 1;
}

/* queue:full() */
static int l_full(lua_State *L) {
  lua_pushboolean(L, !has_room(check_queue(L, "queue:full")));
  return 1;
}

/* --- open ------------------------------------------------------------------- */

void sr_open_queue(lua_State *L) {
  static const luaL_Reg functions[] = {{"queue", l_queue}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"put", l_put},     {"get", l_get},   {"try_put", l_try_put}, {"try_get", l_try_get},
      {"size", l_size},   {"full", l_full}, {"maxsize", l_maxsize}, {"task_done", l_task_done},
      {"empty", l_empty}, {"join", l_join}, {"close", l_close},     {"items", l_items},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__call", l_next}, {"__close", l_close}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &queue_class, methods, meta);
  lua_pop(L, 1);
}
