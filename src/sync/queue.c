/* SPDX-License-Identifier: MIT */
/* Queues: how items are handed over. See queue.h. */
#include "sync/queue.h"

#include "runtime/error.h"
#include "runtime/selectable.h"

static const SrSelectable selectable;
const SrClass sr_queue_class = {.name = "queue", .selectable = &selectable};

/* --- check, new ------------------------------------------------------------- */

/* Pushes an empty queue with places of its own for items, or none: then these are in a table. [-0, +1, m] */
static SrQueue *push_queue(lua_State *L, const SrStoreOps *ops, int places) {
  int values = ops->compares ? SR_STORE_LESS : SR_STORE_ITEMS;
  SrQueue *queue = (SrQueue *)sr_new_object(L, &sr_queue_class, sizeof(SrQueue), values + places);
  queue->store.ops = ops;
  queue->store.places = places;
  queue->store.capacity = places > 0 ? places : SR_STORE_CAPACITY;
  if (places > 0) return queue;
  lua_createtable(L, SR_STORE_CAPACITY, 0);
  lua_setiuservalue(L, -2, SR_STORE_ITEMS);
  return queue;
}

SrQueue *sr_push_queue(lua_State *L, const SrStoreOps *ops) {
  return push_queue(L, ops, 0);
}

static lua_Integer check_maxsize(lua_State *L, const char *function) {
  return lua_isnoneornil(L, 1) ? 0 : sr_check_integer(L, function, 1, 1, 1);
}

static void new_queue(lua_State *L, const SrStoreOps *ops, int places, lua_Integer maxsize) {
  SrQueue *queue = push_queue(L, ops, places);
  queue->rt = sr_rt(L);
  queue->maxsize = maxsize;
}

/* How many places a ring has in its queue: all that it needs, or for one without a limit a few to begin with. */
static int own_places(lua_Integer maxsize) {
  if (maxsize == 0) return SR_STORE_CAPACITY;
  if (maxsize > SR_STORE_MOST_PLACES) return 0;
  int places = 1;
  while (places < maxsize) places *= 2;
  return places;
}

/* queue([maxsize]): unbounded without one */
int sr_l_queue(lua_State *L) {
  lua_Integer maxsize = check_maxsize(L, "queue");
  new_queue(L, &sr_ring_store, own_places(maxsize), maxsize);
  return 1;
}

/* lifo_queue([maxsize]): the newest item first */
int sr_l_lifo_queue(lua_State *L) {
  new_queue(L, &sr_stack_store, 0, check_maxsize(L, "lifo_queue"));
  return 1;
}

/* priority_queue([maxsize [, less]]): the least item first, by `<` without `less` */
int sr_l_priority_queue(lua_State *L) {
  if (!lua_isnoneornil(L, 2)) sr_check_function(L, "priority_queue", 2, 2);
  lua_settop(L, 2);
  new_queue(L, &sr_heap_store, 0, check_maxsize(L, "priority_queue"));
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, SR_STORE_LESS);
  return 1;
}

static int closed_error(lua_State *L, const char *function) {
  sr_push_error(L, "ClosedError", "ECLOSED", "%s: the queue is closed", function);
  return lua_error(L);
}

static void check_item(lua_State *L, const char *function) {
  if (lua_isnoneornil(L, SR_QUEUE_ITEM)) sr_arg_error(L, function, 1, "nil cannot be an item");
}

/* --- items ------------------------------------------------------------------ */

/*
** Comparing items runs the user's `less`, and finalizers. If they have used the queue, all that was known of it has to
** be looked at again; a `less` that does so each time ends with an error.
*/
enum { MAX_ATTEMPTS = 16 };

void sr_queue_count_attempt(lua_State *L, int *attempts) {
  if (++*attempts == MAX_ATTEMPTS) luaL_error(L, "the queue was changed while its items were compared");
}

static bool store_item(lua_State *L, SrQueue *queue, int index) {
  return sr_store_put(L, &queue->store, index);
}

/* (queue, item): there is room for it, whatever happens */
static int l_store_item(lua_State *L) {
  int attempts = 0;
  while (!store_item(L, (SrQueue *)lua_touserdata(L, 1), SR_QUEUE_ITEM)) sr_queue_count_attempt(L, &attempts);
  return 0;
}

/*
** Stores the item of a putter that has been woken. If comparing it raises, that is the error of its put,
** not of the get that made room: it goes onto the putter's stack.
*/
static bool store_item_of(lua_State *L, SrTask *putter, SrQueue *queue) {
  int top = lua_gettop(L);
  bool ok = true;
  lua_pushvalue(putter->co, SR_QUEUE_ITEM);
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

void sr_queue_admit_putter(lua_State *L, SrQueue *queue) {
  SrTask *putter;
  bool is_stored = false;
  while (!is_stored && (putter = sr_take_waiting(&queue->putters)) != NULL) {
    sr_wake(putter);
    is_stored = store_item_of(L, putter, queue);
  }
  if (is_stored) queue->unfinished++;
}

/* Gives the item at index 2 to the oldest getter, or to the store. False: look again. [-0, +(0|1), e] */
static inline bool accept_item(lua_State *L, SrQueue *queue) {
  SrTask *getter = sr_take_waiting(&queue->getters);
  if (getter == NULL) {
    if (!store_item(L, queue, SR_QUEUE_ITEM)) return false;
  } else {
    lua_pushvalue(L, SR_QUEUE_ITEM);
    lua_xmove(L, getter->co, 1);
    sr_wake(getter);
  }
  queue->unfinished++;
  return true;
}

/* --- put -------------------------------------------------------------------- */

static const SrKind put_kind = {
    .name = "room in a queue", .abort = sr_abort_in_ring, .ring = offsetof(SrQueue, putters)};

/* What stands above the item is the error of the put. Closing the queue leaves a mark above that. */
static int k_put(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  int extra = lua_gettop(L) - SR_QUEUE_ITEM;
  if (extra == 0) return 0;
  return extra == 1 ? lua_error(L) : closed_error(L, "queue:put");
}

/* queue:put(value). Waits for room. */
int sr_l_queue_put(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:put");
  check_item(L, "queue:put");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:put");
  for (int attempts = 0;; sr_queue_count_attempt(L, &attempts)) {
    if (sr_is_cancelled(t)) return sr_raise(L, t);
    if (queue->is_closed) return closed_error(L, "queue:put");
    if (!sr_queue_has_room(queue)) break;
    if (accept_item(L, queue)) return sr_return(L, t, 0);
  }
  lua_settop(L, SR_QUEUE_ITEM);
  sr_ring_append(&queue->putters, &t->waiter);
  return sr_park(L, t, &put_kind, queue, k_put);
}

/* queue:try_put(value): whether there was room */
int sr_l_queue_try_put(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:try_put");
  check_item(L, "queue:try_put");
  for (int attempts = 0;; sr_queue_count_attempt(L, &attempts)) {
    if (queue->is_closed) return closed_error(L, "queue:try_put");
    bool fits = sr_queue_has_room(queue);
    if (fits && !accept_item(L, queue)) continue;
    lua_pushboolean(L, fits);
    return 1;
  }
}

/* --- get -------------------------------------------------------------------- */

/* The item on top of its stack goes to the next getter, or back to where it came from. */
static void undo_get(lua_State *L, SrTask *t) {
  SrQueue *queue = (SrQueue *)t->object;
  if (lua_isnil(t->co, -1)) return; /* the queue was closed */
  SrTask *getter = sr_take_waiting(&queue->getters);
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
    .name = "an item of a queue", .abort = sr_abort_in_ring, .ring = offsetof(SrQueue, getters), .undo = undo_get};

/* False: look again, with nothing pushed. [-0, +(1|2), e] */
static bool take_item(lua_State *L, SrQueue *queue) {
  if (!sr_store_take(L, &queue->store)) return false;
  if (queue->putters != NULL) sr_queue_admit_putter(L, queue);
  return true;
}

static int get(lua_State *L, const char *function) {
  SrQueue *queue = sr_check_queue(L, function);
  SrTask *t = sr_check_wait_in(L, queue->rt, function);
  for (int attempts = 0;; sr_queue_count_attempt(L, &attempts)) {
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
  SrQueue *queue = (SrQueue *)object;
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
int sr_l_queue_get(lua_State *L) {
  return get(L, "queue:get");
}

/* What a for loop calls. */
int sr_l_queue_next(lua_State *L) {
  return get(L, "queue:items");
}

/* The same for an iterator that knows its queue. */
static int l_next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_COUNT + 1));
  return get(L, "queue:items");
}

/* queue:items(): for v in queue:items() do. It needs no state, so it can be handed on (as the body of a request). */
int sr_l_queue_items(lua_State *L) {
  sr_check_queue(L, "queue:items");
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, l_next_item, SR_UP_COUNT + 1);
  return 1;
}

/* queue:try_get(): an item, or nil if there is none */
int sr_l_queue_try_get(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:try_get");
  for (int attempts = 0; queue->store.count > 0; sr_queue_count_attempt(L, &attempts))
    if (take_item(L, queue)) return 1;
  lua_pushnil(L);
  return 1;
}
