/* SPDX-License-Identifier: MIT */
/* Lock: one owner at a time. See lock.h. */
#include "sync/lock.h"

#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/lazy.h"
#include "runtime/selectable.h"
#include "runtime/trace.h"

static const SrSelectable selectable;
const SrClass sr_lock_class = {.name = "lock", .selectable = &selectable};

/* --- check, new ------------------------------------------------------------- */

static SrLock *check_lock(lua_State *L, const char *function) {
  return (SrLock *)sr_check_self(L, &sr_lock_class, function);
}

SrLock *sr_push_lock(lua_State *L) {
  SrLock *lock = (SrLock *)sr_new_giver(L, &sr_lock_class, sizeof(SrLock));
  lock->rt = sr_rt(L);
  return lock;
}

/* lock() */
static int l_lock(lua_State *L) {
  sr_push_lock(L);
  return 1;
}

/* A lock that is collected must not be found among the watchers of its owner. */
static int l_collect(lua_State *L) {
  SrLock *lock = (SrLock *)sr_test(L, 1, &sr_lock_class);
  if (lock == NULL || lock->owner == NULL) return 0;
  sr_ring_remove(&lock->owner->future.watchers, &lock->watch);
  lock->owner = NULL;
  return 0;
}

/* --- owners ----------------------------------------------------------------- */

static void on_owner_ended(lua_State *L, SrWaiter *waiter, SrFuture *target);

static bool link_waiting(const SrWaiter *watcher, SrLink *link);

static const SrLinks owner_links = {NULL, link_waiting, false};
static const SrKind owner_kind = {.name = "owner of a lock", .ended = on_owner_ended, .links = &owner_links};

void sr_lock_take(SrLock *lock, SrTask *t) {
  lock->owner = t;
  lock->serial = ++lock->last;
  lock->watch.kind = &owner_kind;
  sr_ring_append(&t->future.watchers, &lock->watch);
}

static void pass_on(SrLock *lock) {
  SrTask *t = sr_take_waiting(&lock->waiters);
  lock->owner = NULL;
  if (t == NULL) return;
  sr_lock_take(lock, t);
  sr_wake(t);
}

void sr_lock_let_go(SrLock *lock) {
  sr_ring_remove(&lock->owner->future.watchers, &lock->watch);
  pass_on(lock);
}

static int l_report(lua_State *L) {
  sr_push_task(L, (SrTask *)lua_touserdata(L, 1));
  lua_pushliteral(
      L, "it ended without releasing a lock that it held, which was released (declare the permit as local x <close>)");
  lua_pushnil(L);
  sr_report(L, 3, 2, 4, "");
  return 0;
}

static void on_owner_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  pass_on(SR_CONTAINER(waiter, SrLock, watch));
  lua_pushlightuserdata(L, target);
  sr_protected(L, l_report, 1, 0);
}

/* --- acquire and release ---------------------------------------------------- */

/*
** Whether the code that runs is of the owner. One without a coroutine is being closed by force; the coroutine of one may be
** closed by another task, too, by coroutine.close.
*/
static bool is_held_here(const lua_State *L, const SrLock *lock) {
  return lock->owner == lock->rt->current || lock->owner->co == NULL || lock->owner->co == L;
}

static void release_permit(lua_State *L, const SrPermit *permit) {
  SrLock *lock = (SrLock *)permit->object;
  if (lock->owner == NULL || lock->serial != permit->serial) return; /* it has been passed on */
  if (!is_held_here(L, lock)) luaL_error(L, "permit:release: the lock is held by another task");
  sr_lock_let_go(lock);
}

static const SrPermitOps permit_ops = {.release = release_permit};

static void undo_acquire(lua_State *L, SrTask *t) {
  (void)L;
  sr_lock_let_go((SrLock *)t->object);
}

/* Whoever waits within a deadline goes on when it passes: that is no deadlock. */
static bool link_owner(const SrTask *t, SrLink *link) {
  if (!sr_scope_has_deadline(t->current)) link->task = ((const SrLock *)t->object)->owner;
  return false;
}

static const SrLinks acquire_links = {link_owner, NULL, false};
static const SrKind acquire_kind = {.name = "lock",
                                    .abort = sr_abort_in_ring,
                                    .ring = offsetof(SrLock, waiters),
                                    .links = &acquire_links,
                                    .undo = undo_acquire};

/* From the owner of a lock to those that wait for it, without those that were notified by a condition. */
static bool link_waiting(const SrWaiter *watcher, SrLink *link) {
  const SrLock *lock = SR_CONTAINER(watcher, SrLock, watch);
  const SrWaiter *waiter = link->at == NULL ? lock->waiters : (const SrWaiter *)link->at;
  if (waiter == NULL) return false;
  SrTask *t = SR_CONTAINER(waiter, SrTask, waiter);
  if (waiter->kind == &acquire_kind && !sr_scope_has_deadline(t->current)) link->task = t;
  link->at = waiter->next;
  return link->at != lock->waiters;
}

static int hold(SrPermit *permit, const SrLock *lock) {
  permit->serial = lock->serial;
  permit->is_held = true;
  return 1;
}

static int k_acquire(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return hold((SrPermit *)lua_touserdata(L, -1), (SrLock *)lua_touserdata(L, 1));
}

/* It would wait for itself. */
static int raise_held(lua_State *L, SrTask *t, const char *function) {
  sr_push_error(L, "DeadlockError", "EDEADLK", "%s: this task holds the lock already", function);
  lua_createtable(L, 1, 0);
  sr_push_waiting(L, t, "lock");
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "tasks");
  return lua_error(L);
}

int sr_lock_acquire(lua_State *L, SrLock *lock, const char *function) {
  SrTask *t = sr_check_wait_in(L, lock->rt, function);
  SrPermit *permit = sr_push_permit(L, &permit_ops, lock);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (lock->owner == t) return raise_held(L, t, function);
  if (lock->owner == NULL) {
    sr_lock_take(lock, t);
    hold(permit, lock);
    return sr_return(L, t, 1);
  }
  if (sr_waits_for(lock->owner, t) && !sr_scope_has_deadline(t->current)) return sr_raise_cycle(L, t, lock->owner);
  sr_ring_append(&lock->waiters, &t->waiter);
  return sr_park(L, t, &acquire_kind, lock, k_acquire);
}

/* --- select ----------------------------------------------------------------- */

static void check(lua_State *L, SrTask *t, void *object) {
  if (((SrLock *)object)->owner == t) raise_held(L, t, "select");
}

static SrTask *awaited(const void *object) {
  return ((const SrLock *)object)->owner;
}

static void prepare(lua_State *L) {
  sr_push_permit(L, &permit_ops, lua_touserdata(L, 1));
}

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)L;
  SrLock *lock = (SrLock *)object;
  if (lock->owner != NULL) return SR_NOTHING;
  sr_lock_take(lock, t);
  return SR_TAKEN;
}

static int give(lua_State *L, SrTask *t, void *object) {
  (void)t;
  return hold((SrPermit *)lua_touserdata(L, -1), (const SrLock *)object);
}

static const SrSelectable selectable = {
    .kind = &acquire_kind, .check = check, .awaited = awaited, .prepare = prepare, .take = take, .give = give};

/* --- methods ---------------------------------------------------------------- */

/* lock:acquire(): a permit. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  return sr_lock_acquire(L, check_lock(L, "lock:acquire"), "lock:acquire");
}

static SrTask *check_current(lua_State *L, const SrLock *lock, const char *function) {
  SrTask *t = sr_current_task(lock->rt);
  if (t == NULL) luaL_error(L, "%s: only a task can hold a lock (call it inside async.run)", function);
  return t;
}

/* lock:try_acquire(): a permit, or nil if somebody holds it */
static int l_try_acquire(lua_State *L) {
  SrLock *lock = check_lock(L, "lock:try_acquire");
  SrTask *t = check_current(L, lock, "lock:try_acquire");
  SrPermit *permit = lock->owner == NULL ? sr_push_permit(L, &permit_ops, lock) : NULL;
  if (lock->owner != NULL) return lua_pushnil(L), 1; /* perhaps by now: a finalizer may have acquired it */
  sr_lock_take(lock, t);
  return hold(permit, lock);
}

void sr_lock_check_held(lua_State *L, const SrLock *lock, const char *function) {
  if (lock->owner == NULL) luaL_error(L, "%s: nobody holds the lock", function);
  if (!is_held_here(L, lock)) luaL_error(L, "%s: the lock is held by another task", function);
}

/* lock:release(): only by its owner */
static int l_release(lua_State *L) {
  SrLock *lock = check_lock(L, "lock:release");
  sr_lock_check_held(L, lock, "lock:release");
  sr_lock_let_go(lock);
  return 0;
}

/* lock:locked() */
static int l_locked(lua_State *L) {
  lua_pushboolean(L, check_lock(L, "lock:locked")->owner != NULL);
  return 1;
}

/* lock:waiting(): how many tasks wait for it */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, sr_count_waiting(check_lock(L, "lock:waiting")->waiters));
  return 1;
}

void sr_lock_push_holder(lua_State *L, const SrLock *lock) {
  if (lock->owner == NULL) {
    lua_pushliteral(L, "free");
    return;
  }
  sr_push_name(L, lock->owner);
  lua_pushfstring(L, "held by task '%s'", lua_tostring(L, -1));
  lua_remove(L, -2);
}

/* tostring(lock): lock (held by task 'main', 2 waiting) */
static int l_tostring(lua_State *L) {
  const SrLock *lock = check_lock(L, "tostring");
  sr_lock_push_holder(L, lock);
  return sr_describe(L, &lock->head, lock->waiters, "%s", lua_tostring(L, -1));
}

/* --- open ------------------------------------------------------------------- */

void sr_open_lock(lua_State *L) {
  static const luaL_Reg functions[] = {{"lock", l_lock}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"acquire", l_acquire}, {"try_acquire", l_try_acquire}, {"release", l_release},
      {"locked", l_locked},   {"waiting", l_waiting},         {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_lock_class, methods, meta);
  sr_set_lazy_method(L, "with", "saros.with", "lock");
  lua_pop(L, 1);
}
