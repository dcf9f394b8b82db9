/* SPDX-License-Identifier: MIT */
/* Completions: which of a list of tasks and futures ends next. as_completed is made of it. */
#include "combine/items.h"
#include "runtime/error.h"

typedef struct Completions Completions;

typedef struct Entry {
  SrWaiter waiter;  /* among the target's watchers */
  SrFuture *target; /* NULL once it has ended */
  Completions *owner;
} Entry;

struct Completions {
  SrObject head;
  SrTask *host;    /* waits in next, or NULL */
  uint32_t total;  /* entries */
  uint32_t ended;  /* of which so many are in `order` */
  uint32_t given;  /* of which so many were returned */
  uint32_t *order; /* indices in order of completion, behind the entries */
  Entry entries[];
};

enum { LIST = 1 };

static const SrClass completions_class = {.name = "completions"};

/* --- watching --------------------------------------------------------------- */

static void add(Completions *completions, const Entry *entry) {
  completions->order[completions->ended++] = (uint32_t)(entry - completions->entries) + 1;
}

static void on_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  Entry *entry = SR_CONTAINER(waiter, Entry, waiter);
  Completions *completions = entry->owner;
  entry->target = NULL;
  add(completions, entry);
  if (completions->host == NULL) return;
  sr_wake(completions->host);
  completions->host = NULL;
}

static const SrKind watch_kind = {.name = "the end of a task or future", .ended = on_ended};

/* completions(list): list holds tasks and futures, and nothing changes it */
static int l_completions(lua_State *L) {
  uint32_t total = (uint32_t)lua_rawlen(L, 1);
  size_t size = sizeof(Completions) + total * (sizeof(Entry) + sizeof(uint32_t));
  Completions *completions = (Completions *)sr_new_object(L, &completions_class, size, LIST);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, LIST);
  completions->total = total;
  completions->order = (uint32_t *)(void *)&completions->entries[total];
  for (uint32_t i = 0; i < total; i++) {
    Entry *entry = &completions->entries[i];
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    SrFuture *target = sr_test_future(L, -1);
    lua_pop(L, 1);
    entry->owner = completions;
    entry->waiter.kind = &watch_kind;
    if (target->status != SR_PENDING)
      add(completions, entry);
    else {
      entry->target = target;
      sr_ring_append(&target->watchers, &entry->waiter);
    }
  }
  return 1;
}

static int l_collect(lua_State *L) {
  Completions *completions = (Completions *)sr_check_self(L, &completions_class, "completions");
  for (uint32_t i = 0; i < completions->total; i++) {
    Entry *entry = &completions->entries[i];
    if (entry->target != NULL) sr_ring_remove(&entry->target->watchers, &entry->waiter);
    entry->target = NULL;
  }
  return 0;
}

/* --- next ------------------------------------------------------------------- */

static bool abort_next(SrTask *t) {
  ((Completions *)t->object)->host = NULL;
  return true;
}

static const SrKind next_kind = {.name = "the next to complete", .abort = abort_next};

static int give(lua_State *L, Completions *completions) {
  uint32_t index = completions->order[completions->given++];
  lua_getiuservalue(L, 1, LIST);
  lua_rawgeti(L, -1, (lua_Integer)index);
  if (sr_test_future(L, -1)->status == SR_FAILED) {
    sr_push_failure(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  lua_pushinteger(L, (lua_Integer)index);
  lua_replace(L, -3);
  return 2;
}

static int k_next(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return give(L, (Completions *)lua_touserdata(L, 1));
}

/* completions:next(): index and task of the next to complete, nil when all have. Waits. */
static int l_next(lua_State *L) {
  Completions *completions = (Completions *)sr_check_self(L, &completions_class, "as_completed");
  SrTask *t = sr_check_wait(L, "as_completed");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  lua_settop(L, 1);
  if (completions->given == completions->total) return lua_pushnil(L), sr_return(L, t, 1);
  if (completions->given < completions->ended) return sr_return(L, t, give(L, completions));
  if (completions->host != NULL) {
    sr_push_error(L, "BusyError", "EBUSY", "as_completed: another task is waiting in this iterator");
    return lua_error(L);
  }
  completions->host = t;
  return sr_park(L, t, &next_kind, completions, k_next);
}

/* check_awaitables(function, list): raises unless every item is a function, task or future */
static int l_check_awaitables(lua_State *L) {
  const char *function = luaL_checkstring(L, 1);
  lua_Integer total = sr_check_list(L, function, 2, 1, NULL);
  sr_check_items(L, sr_check_wait(L, function), function, 2, total, true);
  return 0;
}

void sr_open_completions(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"completions", l_completions}, {"check_awaitables", l_check_awaitables}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"next", l_next}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {"__call", l_next}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &completions_class, methods, meta);
  lua_pop(L, 1);
}
