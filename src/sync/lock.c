/* SPDX-License-Identifier: MIT */
/*
** Lock. Invariant: a lock that is held watches its owner, so it is passed on even if the
** owner ends without releasing it.
*/
#include "runtime/error.h"
#include "runtime/failure.h"
#include "sync/sync.h"

typedef struct Lock {
  SrObject head;
  SrTask *owner;     /* NULL when free */
  SrWaiter watch;    /* among the owner's watchers */
  SrWaiter *waiters; /* who wants it, oldest first */
  uint32_t serial;   /* counts the owners */
} Lock;

static const SrClass lock_class = {"lock"};

/* --- check, new ------------------------------------------------------------- */

static Lock *check_lock(lua_State *L, const char *function) {
  return (Lock *)sr_check_self(L, &lock_class, function);
}

/* lock() */
static int l_lock(lua_State *L) {
  sr_new_giver(L, &lock_class, sizeof(Lock));
  return 1;
}

/* A lock that is collected must not be found among the watchers of its owner. */
static int l_collect(lua_State *L) {
  Lock *lock = (Lock *)sr_test(L, 1, &lock_class);
  if (lock != NULL && lock->owner != NULL) sr_ring_remove(&lock->owner->future.watchers, &lock->watch);
  return 0;
}

/* --- owners ----------------------------------------------------------------- */

static void on_owner_ended(lua_State *L, SrWaiter *waiter, SrFuture *target);

static const SrKind owner_kind = {"owner of a lock", NULL, on_owner_ended, false, NULL, NULL};

static void take(Lock *lock, SrTask *t) {
  lock->owner = t;
  lock->serial++;
  lock->watch.kind = &owner_kind;
  sr_ring_append(&t->future.watchers, &lock->watch);
}

static void pass_on(Lock *lock) {
  SrWaiter *waiter = sr_ring_take(&lock->waiters);
  lock->owner = NULL;
  if (waiter == NULL) return;
  SrTask *t = sr_task_of(waiter);
  take(lock, t);
  sr_wake(t);
}

static void let_go(Lock *lock) {
  sr_ring_remove(&lock->owner->future.watchers, &lock->watch);
  pass_on(lock);
}

/* The handle of the owner is at index 1 of L: see sr_settle. */
static void on_owner_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)target;
  pass_on(SR_CONTAINER(waiter, Lock, watch));
  int top = lua_gettop(L);
  lua_pushliteral(L, "it ended without releasing a lock that it held (declare the permit as local x <close>)");
  lua_pushnil(L);
  sr_report(L, top + 1, 1, top + 2);
  lua_settop(L, top);
}

/* --- acquire and release ---------------------------------------------------- */

static void release_permit(lua_State *L, void *object, uint32_t serial) {
  Lock *lock = (Lock *)object;
  if (lock->owner == NULL || lock->serial != serial) return; /* it has been passed on */
  if (lock->owner != sr_find_runtime(L)->current) luaL_error(L, "permit:release: the lock is held by another task");
  let_go(lock);
}

static const SrPermitOps permit_ops = {release_permit};

static int abort_acquire(SrTask *t) {
  sr_ring_remove(&((Lock *)t->object)->waiters, &t->waiter);
  return 1;
}

static void undo_acquire(lua_State *L, SrTask *t) {
  (void)L;
  let_go((Lock *)t->object);
}

static const SrKind acquire_kind = {"lock", abort_acquire, NULL, false, NULL, undo_acquire};

static int hold(SrPermit *permit, const Lock *lock) {
  permit->serial = lock->serial;
  permit->is_held = true;
  return 1;
}

static int k_acquire(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return hold((SrPermit *)lua_touserdata(L, -1), (Lock *)lua_touserdata(L, 1));
}

/* lock:acquire(): a permit. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  Lock *lock = check_lock(L, "lock:acquire");
  SrTask *t = sr_check_wait(L, "lock:acquire");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (lock->owner == t) {
    sr_push_error(L, "DeadlockError", "EDEADLK", "lock:acquire: this task holds the lock already");
    return lua_error(L);
  }
  SrPermit *permit = sr_push_permit(L, &permit_ops);
  if (lock->owner == NULL) {
    take(lock, t);
    hold(permit, lock);
    return sr_return(L, t, 1);
  }
  sr_ring_append(&lock->waiters, &t->waiter);
  return sr_park(L, t, &acquire_kind, lock, k_acquire);
}

static SrTask *check_current(lua_State *L, const char *function) {
  SrTask *t = sr_rt(L)->current;
  if (t == NULL) luaL_error(L, "%s: only a task can hold a lock (call it inside async.run)", function);
  return t;
}

/* lock:try_acquire(): a permit, or nil if somebody holds it */
static int l_try_acquire(lua_State *L) {
  Lock *lock = check_lock(L, "lock:try_acquire");
  SrTask *t = check_current(L, "lock:try_acquire");
  if (lock->owner != NULL) return lua_pushnil(L), 1;
  SrPermit *permit = sr_push_permit(L, &permit_ops);
  take(lock, t);
  return hold(permit, lock);
}

/* lock:release(): only by its owner */
static int l_release(lua_State *L) {
  Lock *lock = check_lock(L, "lock:release");
  if (lock->owner == NULL) return luaL_error(L, "lock:release: nobody holds the lock");
  if (lock->owner != sr_rt(L)->current) return luaL_error(L, "lock:release: the lock is held by another task");
  let_go(lock);
  return 0;
}

/* lock:locked() */
static int l_locked(lua_State *L) {
  lua_pushboolean(L, check_lock(L, "lock:locked")->owner != NULL);
  return 1;
}

/* --- open ------------------------------------------------------------------- */

void sr_open_lock(lua_State *L) {
  static const luaL_Reg functions[] = {{"lock", l_lock}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"acquire", l_acquire}, {"try_acquire", l_try_acquire}, {"release", l_release}, {"locked", l_locked},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &lock_class, methods, meta);
  lua_pop(L, 1);
}
