/* SPDX-License-Identifier: MIT */
/* Queues: what is done with a queue as a whole. See queue.h. */
#include "sync/queue.h"

/* --- join ------------------------------------------------------------------- */

/* So many items have been dealt with. */
static void finish_items(SrQueue *queue, lua_Integer count) {
  SrTask *t;
  queue->unfinished -= count;
  if (queue->unfinished > 0) return;
  while ((t = sr_take_waiting(&queue->joiners)) != NULL) sr_wake(t);
}

/* queue:task_done(): an item that get gave has been dealt with */
static int l_task_done(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:task_done");
  if (queue->unfinished == 0) return luaL_error(L, "queue:task_done: called more often than items were put");
  finish_items(queue, 1);
  return 0;
}

static const SrKind join_kind = {
    .name = "the last task_done of a queue", .abort = sr_abort_in_ring, .ring = offsetof(SrQueue, joiners)};

/* queue:join(): until task_done was called for every item. Waits. */
static int l_join(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:join");
  SrTask *t = sr_check_wait_in(L, queue->rt, "queue:join");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (queue->unfinished == 0) return sr_return(L, t, 0);
  sr_ring_append(&queue->joiners, &t->waiter);
  return sr_park(L, t, &join_kind, queue, sr_k_nothing);
}

/* --- all at once ------------------------------------------------------------ */

/* Empties the store of the queue at index 1: the table on top takes the place of its table. [-1, +0, -] */
static void empty_store(lua_State *L, SrQueue *queue) {
  lua_setiuservalue(L, 1, SR_STORE_ITEMS);
  queue->store.count = queue->store.first = 0;
  queue->store.capacity = SR_STORE_CAPACITY;
  queue->store.changes++;
}

/* Takes all out of the queue at index 1, into the list on top, which has room. Comparing may raise. [-0, +0, e] */
static void take_all(lua_State *L, SrQueue *queue) {
  int list = lua_gettop(L), attempts = 0;
  for (lua_Integer count = 1; queue->store.count > 0;) {
    if (sr_store_take(L, &queue->store))
      lua_rawseti(L, list, count++);
    else
      sr_queue_count_attempt(L, &attempts);
    lua_settop(L, list);
  }
}

/* (copy, list): the items in order, of a queue that is a copy */
static int l_take_all(lua_State *L) {
  take_all(L, (SrQueue *)lua_touserdata(L, 1));
  return 0;
}

/* Pushes a queue of its own with the items of the one at index 1, which compares them. [-0, +1, m] */
static SrQueue *push_copy(lua_State *L, const SrQueue *queue) {
  SrQueue *copy = sr_push_queue(L, queue->store.ops);
  int index = lua_gettop(L);
  lua_getiuservalue(L, 1, SR_STORE_LESS);
  lua_setiuservalue(L, index, SR_STORE_LESS);
  lua_getiuservalue(L, 1, SR_STORE_ITEMS);
  lua_getiuservalue(L, index, SR_STORE_ITEMS);
  lua_Integer places = 2 * queue->store.count; /* an item and its number */
  for (lua_Integer i = 1; i <= places; i++) {
    lua_rawgeti(L, -2, i);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 2);
  copy->store.count = places / 2;
  return copy;
}

/* Pushes a list with room for all items. Finalizers may put more meanwhile. [-0, +1, m] */
static void push_list(lua_State *L, const SrQueue *queue) {
  lua_Integer room;
  do {
    lua_settop(L, 1);
    room = queue->store.count;
    lua_createtable(L, room < INT32_MAX ? (int)room : 0, 0);
  } while (queue->store.count > room);
}

/*
** Where items are compared that is done in a copy: whatever `less` does, either all items are in the list or all are in
** the queue. [-0, +1, e]
*/
static void drain_in_order(lua_State *L, SrQueue *queue) {
  unsigned changes;
  int attempts = 0;
  for (;; sr_queue_count_attempt(L, &attempts)) {
    lua_settop(L, 1);
    changes = queue->store.changes;
    lua_newtable(L);
    lua_pushcfunction(L, l_take_all);
    push_copy(L, queue);
    lua_pushvalue(L, 2);
    if (queue->store.changes != changes) continue; /* while it was copied */
    lua_call(L, 2, 0);
    lua_newtable(L);
    if (queue->store.changes == changes) break;
  }
  empty_store(L, queue);
}

/* queue:drain(): a list of all that is there. What putters have waited with moves in. */
static int l_drain(lua_State *L) {
  SrQueue *queue = sr_check_queue(L, "queue:drain");
  if (queue->store.ops->compares)
    drain_in_order(L, queue);
  else {
    push_list(L, queue);
    take_all(L, queue);
  }
  while (queue->putters != NULL && sr_queue_has_room(queue)) sr_queue_admit_putter(L, queue);
  return 1;
}

/* Takes all items out of the queue at index 1, and returns how many. What a finalizer puts before is among them. */
static lua_Integer drop_all(lua_State *L, SrQueue *queue) {
  if (queue->store.places == 0) lua_createtable(L, SR_STORE_CAPACITY, 0);
  lua_Integer count = queue->store.count;
  if (queue->store.places == 0)
    empty_store(L, queue);
  else
    while (queue->store.count > 0) sr_store_take(L, &queue->store), lua_pop(L, 1);
  return count;
}

/* Drops the items of the queue at index 1. For some of them task_done may have been called already. [-0, +0, m] */
static void discard(lua_State *L, SrQueue *queue) {
  lua_Integer count = drop_all(L, queue);
  finish_items(queue, count < queue->unfinished ? count : queue->unfinished);
}

/* --- closing ---------------------------------------------------------------- */

static int close_queue(SrQueue *queue) {
  SrTask *t;
  if (queue->is_closed) return 0;
  queue->is_closed = true;
  queue->store.changes++;
  while ((t = sr_take_waiting(&queue->getters)) != NULL) {
    lua_pushnil(t->co);
    sr_wake(t);
  }
  while ((t = sr_take_waiting(&queue->putters)) != NULL) {
    lua_settop(t->co, SR_QUEUE_ITEM + 2);
    sr_wake(t);
  }
  return 0;
}

/* queue:close([{discard =}]): putters get ClosedError, getters what is there, unless that is dropped, and then nil */
static int l_close(lua_State *L) {
  static const char *const known[] = {"discard", NULL};
  SrQueue *queue = sr_check_queue(L, "queue:close");
  sr_check_options(L, "queue:close", 2, 1, known);
  bool discards = !lua_isnoneornil(L, 2) && (lua_getfield(L, 2, "discard"), lua_toboolean(L, -1));
  close_queue(queue);
  if (discards) discard(L, queue);
  return 0;
}

/* __close(queue, err) */
static int l_leave(lua_State *L) {
  return close_queue(sr_check_queue(L, "queue:close"));
}

/* --- the rest --------------------------------------------------------------- */

/* queue:waiting(): how many tasks wait for an item, or for room */
static int l_waiting(lua_State *L) {
  const SrQueue *queue = sr_check_queue(L, "queue:waiting");
  lua_pushinteger(L, sr_count_waiting(queue->getters) + sr_count_waiting(queue->putters));
  return 1;
}

/* queue:size() */
static int l_size(lua_State *L) {
  lua_pushinteger(L, sr_check_queue(L, "queue:size")->store.count);
  return 1;
}

/* queue:maxsize(): nil if it is unbounded */
static int l_maxsize(lua_State *L) {
  lua_Integer maxsize = sr_check_queue(L, "queue:maxsize")->maxsize;
  if (maxsize == 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, maxsize);
  return 1;
}

/* queue:empty() */
static int l_empty(lua_State *L) {
  lua_pushboolean(L, sr_check_queue(L, "queue:empty")->store.count == 0);
  return 1;
}

/* queue:full() */
static int l_full(lua_State *L) {
  lua_pushboolean(L, !sr_queue_has_room(sr_check_queue(L, "queue:full")));
  return 1;
}

/* tostring(queue): queue (3 of 10 items, closed, 2 waiting). Who waits for the items' end is no getter or putter. */
static int l_tostring(lua_State *L) {
  const SrQueue *queue = sr_check_queue(L, "tostring");
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
      {"queue", sr_l_queue}, {"lifo_queue", sr_l_lifo_queue}, {"priority_queue", sr_l_priority_queue}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"put", sr_l_queue_put},
      {"get", sr_l_queue_get},
      {"try_put", sr_l_queue_try_put},
      {"try_get", sr_l_queue_try_get},
      {"size", l_size},
      {"full", l_full},
      {"maxsize", l_maxsize},
      {"task_done", l_task_done},
      {"empty", l_empty},
      {"join", l_join},
      {"close", l_close},
      {"items", sr_l_queue_items},
      {"drain", l_drain},
      {"waiting", l_waiting},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {
      {"__call", sr_l_queue_next}, {"__close", l_leave}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_queue_class, methods, meta);
  lua_pop(L, 1);
}
