/* SPDX-License-Identifier: MIT */
/* Event: a flag to wait for. Who waits at `set` is woken, even if `clear` follows at once. */
#include "runtime/selectable.h"
#include "sync/sync.h"

typedef struct Event {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *waiters;
  bool is_set;
} Event;

static const SrSelectable selectable;
static const SrClass event_class = {.name = "event", .selectable = &selectable};

static Event *check_event(lua_State *L, const char *function) {
  return (Event *)sr_check_self(L, &event_class, function);
}

/* event() */
static int l_event(lua_State *L) {
  Event *event = (Event *)sr_new_object(L, &event_class, sizeof(Event), 0);
  event->rt = sr_rt(L);
  return 1;
}

/* event:set() */
static int l_set(lua_State *L) {
  Event *event = check_event(L, "event:set");
  SrTask *t;
  event->is_set = true;
  while ((t = sr_take_waiting(&event->waiters)) != NULL) sr_wake(t);
  return 0;
}

/* event:clear() */
static int l_clear(lua_State *L) {
  check_event(L, "event:clear")->is_set = false;
  return 0;
}

/* event:is_set() */
static int l_is_set(lua_State *L) {
  lua_pushboolean(L, check_event(L, "event:is_set")->is_set);
  return 1;
}

static const SrKind wait_kind = {.name = "event", .abort = sr_abort_in_ring, .ring = offsetof(Event, waiters)};

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)L, (void)t;
  return ((const Event *)object)->is_set ? SR_TAKEN : SR_NOTHING;
}

static int give(lua_State *L, SrTask *t, void *object) {
  (void)t, (void)object;
  lua_pushboolean(L, true);
  return 1;
}

static const SrSelectable selectable = {.kind = &wait_kind, .take = take, .give = give};

/* event:wait(): until it is set. Waits. */
static int l_wait(lua_State *L) {
  Event *event = check_event(L, "event:wait");
  SrTask *t = sr_check_wait_in(L, event->rt, "event:wait");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (event->is_set) return sr_return(L, t, 0);
  sr_ring_append(&event->waiters, &t->waiter);
  return sr_park(L, t, &wait_kind, event, sr_k_nothing);
}

/* event:waiting(): how many tasks wait for it */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, sr_count_waiting(check_event(L, "event:waiting")->waiters));
  return 1;
}

/* tostring(event): event (not set, 2 waiting) */
static int l_tostring(lua_State *L) {
  const Event *event = check_event(L, "tostring");
  return sr_describe(L, &event->head, event->waiters, "%s", event->is_set ? "set" : "not set");
}

void sr_open_event(lua_State *L) {
  static const luaL_Reg functions[] = {{"event", l_event}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"set", l_set}, {"clear", l_clear}, {"is_set", l_is_set}, {"wait", l_wait}, {"waiting", l_waiting}, {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &event_class, methods, meta);
  lua_pop(L, 1);
}
