/* SPDX-License-Identifier: MIT */
/*
** Queues: queue, priority_queue and lifo_queue differ in their store.
**
** Invariant: getters wait only while there is no item, putters only while there is no room.
** An item goes from a putter straight onto the stack of the getter that waits longest; the
** item of a waiting putter stands at index 2 of its frame until there is room.
*/
#include "runtime/error.h"
#include "runtime/selectable.h"
#include "sync/store.h"
#include "sync/sync.h"

typedef struct Queue {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *getters, *putters, *joiners;
  lua_Integer maxsize;    /* 0: unbounded */
  lua_Integer unfinished; /* items put and not reported by task_done */
  lua_Integer promised;   /* room that a putter who has been woken is about to fill */
  SrStore store;
  bool is_closed;
} Queue;

enum { ITEM = 2 };

static const SrSelectable selectable;
static const SrClass queue_class = {.name = "queue", .selectable = &selectable};

/* --- check, new ------------------------------------------------------------- */

static Queue *check_queue(lua_State *L, const char *function) {
  return (Queue *)sr_check_self(L, &queue_class, function);
}

static Queue *new_queue(lua_State *L, const char *function, const SrStoreOps *ops) {
  lua_Integer maxsize = lua_isnoneornil(L, 1) ? 0 : sr_check_integer(L, function, 1, 1, 1);
  Queue *queue = (Queue *)sr_new_object(L, &queue_class, sizeof(Queue), ops->compares ? 2 : 1);
  queue->rt = sr_rt(L);
  queue->maxsize = maxsize;
  queue->store.ops = ops;
  queue->store.capacity = SR_STORE_CAPACITY;
  lua_createtable(L, SR_STORE_CAPACITY, 0);
  lua_setiuservalue(L, -2, SR_STORE_ITEMS);
  return queue;
}

/* queue([maxsize]): unbounded without one */
static int l_queue(lua_State *L) {
  new_queue(L, "queue", &sr_ring_store);
  return 1;
}

/* lifo_queue([maxsize]): the newest item first */
static int l_lifo_queue(lua_State *L) {
  new_queue(L, "lifo_queue", &sr_stack_store);
  return 1;
}

/* priority_queue([maxsize [, less]]): the least item first, by `<` without `less` */
static int l_priority_queue(lua_State *L) {
  if (!lua_isnoneornil(L, 2)) sr_check_function(L, "priority_queue", 2, 2);
  lua_settop(L, 2);
  new_queue(L, "priority_queue", &sr_heap_store);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, SR_STORE_LESS);
  return 1;
}

static int closed_error(lua_State *L, const char *function) {
  sr_push_error(L, "ClosedError", "ECLOSED", "%s: the queue is closed", function);
  return lua_error(L);
}

static void check_item(lua_State *L, const char *function) {
  if (lua_isnoneornil(L, ITEM)) sr_arg_error(L, function, 1, "nil cannot be an item");
}

/* --- items ------------------------------------------------------------------ */

static bool has_room(const Queue *queue) {
  return queue->maxsize == 0 || queue->store.count + queue->promised < queue->maxsize;
}

/* Takes the oldest whose stack can be used: a coroutine that was closed by hand has none. NULL if there is no other. */
static SrTask *take_waiter(SrWaiter **ring) {
  SrTask *t;
  while ((t = sr_take_waiting(ring)) != NULL) {
    if (lua_status(t->co) == LUA_YIELD) return t;
    sr_wake(t);
  }
  return NULL;
}

/*
** Comparing items runs the user's `less`, and finalizers. If they have used the queue, all that was known of it has to
** be looked at again; a `less` that does so each time ends with an error.
*/
enum { MAX_ATTEMPTS = 16 };

static void count_attempt(lua_State *L, int *attempts) {
  if (++*attempts == MAX_ATTEMPTS) luaL_error(L, "the queue was changed while its items were compared");
}

static bool store_item(lua_State *L, Queue *queue, int index) {
  return queue->store.ops->put(L, &queue->store, index);
}

/* (queue, item): there is room for it, whatever happens */
static int l_store_item(lua_State *L) {
  int attempts = 0;
  while (!store_item(L, (Queue *)lua_touserdata(L, 1), ITEM)) count_attempt(L, &attempts);
  return 0;
}

/*
** Stores the item of a putter that has been woken. If comparing it raises, that is the error of its put,
** not of the get that made room: it goes onto the putter's stack.
*/
static bool store_item_of(lua_State *L, SrTask *putter, Queue *queue) {
  int top = lua_gettop(L);
  bool ok = true;
  lua_pushvalue(putter->co, ITEM);
  if (queue->store.ops->compares) {
    lua_pushcfunction(L, l_store_item);
    lua_pushvalue(L, 1);
    lua_xmove(putter->co, L, 1);
    queue->promised++;
    ok = lua_pcall(L, 2, 0, 0) == LUA_OK;
    queue->promised--;
    if (!ok) lua_xmove(L, putter->co, 1);
  } else {
    lua_xmove(putter->co, L, 1);
    store_item(L, queue, top + 1);
  }
  lua_settop(L, top);
  return ok;
}

/* Moves the item of the oldest waiting putter, if there is one, into the room that has come free. */
static void admit_putter(lua_State *L, Queue *queue) {
  SrTask *putter;
  bool is_stored = false;
  while (!is_stored && (putter = take_waiter(&queue->putters)) != NULL) {
    sr_wake(putter);
    is_stored = store_item_of(L, putter, queue);
  }
  if (is_stored) queue->unfinished++;
}

/* Gives the item at index 2 to the oldest getter, or to the store. False: look again. [-0, +(0|1), e] */
static inline bool accept_item(lua_State *L, Queue *queue) {
  SrTask *getter = take_waiter(&queue->getters);
  if (getter == NULL) {
    if (!store_item(L, queue, ITEM)) return false;
  } else {
    lua_pushvalue(L, ITEM);
    lua_xmove(L, getter->co, 1);
    sr_wake(getter);
  }
  queue->unfinished++;
  return true;
}

/* --- put -------------------------------------------------------------------- */

static const SrKind put_kind = {.name = "room in a queue", .abort = sr_abort_in_ring, .ring = offsetof(Queue, putters)};

/* What stands above the item is the error of the put. Closing the queue leaves a mark above that. */
static int k_put(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  int extra = lua_gettop(L) - ITEM;
  if (extra == 0) return 0;
  return extra == 1 ? lua_error(L) : closed_error(L, "queue:put");
}

/* queue:put(value). Waits for room. */
static int l_put(lua_State *L) {
  Queue *queue = check_queue(L, "queue:put");
  check_item(L, "queue:put");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:put");
  for (int attempts = 0;; count_attempt(L, &attempts)) {
    if (sr_is_cancelled(t)) return sr_raise(L, t);
    if (queue->is_closed) return closed_error(L, "queue:put");
    if (!has_room(queue)) break;
    if (accept_item(L, queue)) return sr_return(L, t, 0);
  }
  lua_settop(L, ITEM);
  sr_ring_append(&queue->putters, &t->waiter);
  return sr_park(L, t, &put_kind, queue, k_put);
}

/* queue:try_put(value): whether there was room */
static int l_try_put(lua_State *L) {
  Queue *queue = check_queue(L, "queue:try_put");
  check_item(L, "queue:try_put");
  for (int attempts = 0;; count_attempt(L, &attempts)) {
    if (queue->is_closed) return closed_error(L, "queue:try_put");
    bool fits = has_room(queue);
    if (fits && !accept_item(L, queue)) continue;
    lua_pushboolean(L, fits);
    return 1;
  }
}

/* --- get -------------------------------------------------------------------- */

/* The item on top of its stack goes to the next getter, or back to where it came from. */
static void undo_get(lua_State *L, SrTask *t) {
  Queue *queue = (Queue *)t->object;
  if (lua_status(t->co) != LUA_YIELD || lua_isnil(t->co, -1)) return; /* closed by hand; the queue was closed */
  SrTask *getter = take_waiter(&queue->getters);
  if (getter != NULL) {
    lua_xmove(t->co, getter->co, 1);
    sr_wake(getter);
    return;
  }
  int top = lua_gettop(L);
  lua_pushvalue(t->co, 1);
  lua_xmove(t->co, L, 2);
  lua_insert(L, 1);
  queue->store.ops->put_back(L, &queue->store, top + 2);
  lua_settop(L, top + 1);
  lua_remove(L, 1);
}

static const SrKind get_kind = {
    .name = "an item of a queue", .abort = sr_abort_in_ring, .ring = offsetof(Queue, getters), .undo = undo_get};

/* False: look again, with nothing pushed. [-0, +(1|2), e] */
static bool take_item(lua_State *L, Queue *queue) {
  if (!queue->store.ops->take(L, &queue->store)) return false;
  if (queue->putters != NULL) admit_putter(L, queue);
  return true;
}

static int get(lua_State *L, const char *function) {
  Queue *queue = check_queue(L, function);
  SrTask *t = sr_check_wait_in(L, queue->rt, function);
  for (int attempts = 0;; count_attempt(L, &attempts)) {
    if (sr_is_cancelled(t)) return sr_raise(L, t);
    if (queue->store.count == 0) break;
    if (take_item(L, queue)) return sr_return(L, t, 1);
  }
  if (queue->is_closed) return lua_pushnil(L), sr_return(L, t, 1);
  sr_ring_append(&queue->getters, &t->waiter);
  return sr_park(L, t, &get_kind, queue, sr_k_value);
}

/* For select: an item, or nil of a queue that is closed and empty. */
static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)t;
  Queue *queue = (Queue *)object;
  if (queue->store.count > 0) return take_item(L, queue) ? SR_TAKEN : SR_CHANGED;
  if (!queue->is_closed) return SR_NOTHING;
  lua_pushnil(L);
  return SR_TAKEN;
}

static int give(lua_State *L, SrTask *t, void *object) {
  (void)L, (void)t, (void)object;
  return 1;
}

static const SrSelectable selectable = {.kind = &get_kind, .take = take, .give = give};

/* queue:get(): the next item; nil once the queue is closed and empty. Waits. */
static int l_get(lua_State *L) {
  return get(L, "queue:get");
}

/* What a for loop calls. */
static int l_next(lua_State *L) {
  return get(L, "queue:items");
}

/* The same for an iterator that knows its queue. */
static int l_next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_COUNT + 1));
  return get(L, "queue:items");
}

/* queue:items(): for v in queue:items() do. It needs no state, so it can be handed on (as the body of a request). */
static int l_items(lua_State *L) {
  check_queue(L, "queue:items");
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, l_next_item, SR_UP_COUNT + 1);
  return 1;
}

/* queue:try_get(): an item, or nil if there is none */
static int l_try_get(lua_State *L) {
  Queue *queue = check_queue(L, "queue:try_get");
  for (int attempts = 0; queue->store.count > 0; count_attempt(L, &attempts))
    if (take_item(L, queue)) return 1;
  lua_pushnil(L);
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

static const SrKind join_kind = {
    .name = "the last task_done of a queue", .abort = sr_abort_in_ring, .ring = offsetof(Queue, joiners)};

/* queue:join(): until task_done was called for every item. Waits. */
static int l_join(lua_State *L) {
  Queue *queue = check_queue(L, "queue:join");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:join");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (queue->unfinished == 0) return sr_return(L, t, 0);
  sr_ring_append(&queue->joiners, &t->waiter);
  return sr_park(L, t, &join_kind, queue, sr_k_nothing);
}

/* --- the rest --------------------------------------------------------------- */

/* queue:close(), __close: putters get ClosedError, getters what is there and then nil */
static int l_close(lua_State *L) {
  Queue *queue = check_queue(L, "queue:close");
  SrTask *t;
  if (queue->is_closed) return 0;
  queue->is_closed = true;
  queue->store.changes++;
  while ((t = sr_take_waiting(&queue->getters)) != NULL) {
    lua_pushnil(t->co);
    sr_wake(t);
  }
  while ((t = sr_take_waiting(&queue->putters)) != NULL) {
    lua_settop(t->co, ITEM + 2);
    sr_wake(t);
  }
  return 0;
}

/* queue:size() */
static int l_size(lua_State *L) {
  lua_pushinteger(L, check_queue(L, "queue:size")->store.count);
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
  lua_pushboolean(L, check_queue(L, "queue:empty")->store.count == 0);
  return 1;
}

/* queue:full() */
static int l_full(lua_State *L) {
  lua_pushboolean(L, !has_room(check_queue(L, "queue:full")));
  return 1;
}

/* tostring(queue): queue (3 of 10 items, closed, 2 waiting). Who waits for the items' end is no getter or putter. */
static int l_tostring(lua_State *L) {
  const Queue *queue = check_queue(L, "tostring");
  const SrWaiter *waiters = queue->getters != NULL ? queue->getters : queue->putters;
  const char *closed = queue->is_closed ? ", closed" : "";
  if (queue->maxsize == 0)
    return sr_describe(L, &queue->head, waiters, "%I items%s", (LUAI_UACINT)queue->store.count, closed);
  return sr_describe(L, &queue->head, waiters, "%I of %I items%s", (LUAI_UACINT)queue->store.count,
                     (LUAI_UACINT)queue->maxsize, closed);
}

/* --- open ------------------------------------------------------------------- */

void sr_open_queue(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"queue", l_queue}, {"lifo_queue", l_lifo_queue}, {"priority_queue", l_priority_queue}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"put", l_put},     {"get", l_get},   {"try_put", l_try_put}, {"try_get", l_try_get},
      {"size", l_size},   {"full", l_full}, {"maxsize", l_maxsize}, {"task_done", l_task_done},
      {"empty", l_empty}, {"join", l_join}, {"close", l_close},     {"items", l_items},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__call", l_next}, {"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &queue_class, methods, meta);
  lua_pop(L, 1);
}
