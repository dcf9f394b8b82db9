/* SPDX-License-Identifier: MIT */
/*
** Barrier: n tasks wait for each other, again and again. A waiter that is cancelled leaves: the
** others go on waiting, and the order of arrival is that of those who stayed.
*/
#include "sync/sync.h"

typedef struct Barrier {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *waiters;
  lua_Integer size;    /* how many it takes */
  lua_Integer waiting; /* how many are there, less than that */
} Barrier;

static const SrClass barrier_class = {.name = "barrier"};

static Barrier *check_barrier(lua_State *L, const char *function) {
  return (Barrier *)sr_check_self(L, &barrier_class, function);
}

/* barrier(n): for n tasks, at least 1 */
static int l_barrier(lua_State *L) {
  lua_Integer size = sr_check_integer(L, "barrier", 1, 1, 1);
  Barrier *barrier = (Barrier *)sr_new_object(L, &barrier_class, sizeof(Barrier), 0);
  barrier->rt = sr_rt(L);
  barrier->size = size;
  return 1;
}

/* All are there: each gets its number. */
static void let_pass(Barrier *barrier) {
  SrTask *t;
  lua_Integer number = 0;
  barrier->waiting = 0;
  while ((t = sr_take_waiting(&barrier->waiters)) != NULL) {
    lua_pushinteger(t->co, ++number);
    sr_wake(t);
  }
}

static bool abort_wait(SrTask *t) {
  Barrier *barrier = (Barrier *)t->object;
  sr_ring_remove(&barrier->waiters, &t->waiter);
  barrier->waiting--;
  return true;
}

static const SrKind wait_kind = {.name = "barrier", .abort = abort_wait};

/* barrier:wait(): until n tasks wait; returns the order of arrival, 1 to n. Waits. */
static int l_wait(lua_State *L) {
  Barrier *barrier = check_barrier(L, "barrier:wait");
  SrTask *t = sr_check_wait_in(L, barrier->rt, "barrier:wait");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (barrier->waiting + 1 == barrier->size) {
    let_pass(barrier);
    lua_pushinteger(L, barrier->size);
    return sr_return(L, t, 1);
  }
  barrier->waiting++;
  sr_ring_append(&barrier->waiters, &t->waiter);
  return sr_park(L, t, &wait_kind, barrier, sr_k_value);
}

/* barrier:waiting(): how many tasks wait at it */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, check_barrier(L, "barrier:waiting")->waiting);
  return 1;
}

/* tostring(barrier): barrier (for 3, 2 waiting) */
static int l_tostring(lua_State *L) {
  const Barrier *barrier = check_barrier(L, "tostring");
  return sr_describe(L, &barrier->head, barrier->waiters, "for %I", (LUAI_UACINT)barrier->size);
}

void sr_open_barrier(lua_State *L) {
  static const luaL_Reg functions[] = {{"barrier", l_barrier}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"wait", l_wait}, {"waiting", l_waiting}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &barrier_class, methods, meta);
  lua_pop(L, 1);
}
