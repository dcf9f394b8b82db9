/* SPDX-License-Identifier: MIT */
/*
** Condition: waits, without its lock, until it is notified.
**
** Invariants: the lock is held again whenever `wait` is left. Who is notified moves from the line
** of the condition to that of its lock, and is woken by getting that. A notification ends one
** wait: if the notified task is cancelled before it has the lock, the next in line gets it.
*/
#include "runtime/lazy.h"
#include "sync/lock.h"

typedef struct Condition {
  SrObject head;
  SrLock *lock;      /* user value LOCK */
  SrWaiter *waiters; /* not notified yet, oldest first */
} Condition;

enum { LOCK = 1, PREDICATE = 2 };

static const SrClass condition_class = {.name = "condition"};

/* --- check, new ------------------------------------------------------------- */

static Condition *check_condition(lua_State *L, const char *function) {
  return (Condition *)sr_check_self(L, &condition_class, function);
}

/* condition([lock]): with a lock of its own if none is given */
static int l_condition(lua_State *L) {
  bool is_given = !lua_isnoneornil(L, 1);
  if (is_given && sr_test(L, 1, &sr_lock_class) == NULL) return sr_type_error(L, "condition", 1, 1, "lock");
  lua_settop(L, is_given ? 1 : 0);
  if (!is_given) sr_push_lock(L);
  Condition *condition = (Condition *)sr_new_object(L, &condition_class, sizeof(Condition), 1);
  condition->lock = (SrLock *)lua_touserdata(L, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, LOCK);
  return 1;
}

/* --- the lock --------------------------------------------------------------- */

/* condition:acquire(): a permit of the lock. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  SrLock *lock = check_condition(L, "condition:acquire")->lock;
  lua_getiuservalue(L, 1, LOCK);
  lua_replace(L, 1);
  return sr_lock_acquire(L, lock, "condition:acquire");
}

/* condition:release(): of the lock, only by its owner */
static int l_release(lua_State *L) {
  SrLock *lock = check_condition(L, "condition:release")->lock;
  sr_lock_check_held(L, lock, "condition:release");
  sr_lock_let_go(lock);
  return 0;
}

/* condition:locked() */
static int l_locked(lua_State *L) {
  lua_pushboolean(L, check_condition(L, "condition:locked")->lock->owner != NULL);
  return 1;
}

/* --- notify ----------------------------------------------------------------- */

/* Waits to be notified. */
static bool abort_wait(SrTask *t);
/* Was notified, waits for the lock. */
static bool abort_notified(SrTask *t);
static void undo_notified(lua_State *L, SrTask *t);
/* Was cancelled, waits for the lock. */
static bool abort_cancelled(SrTask *t);

static const SrKind wait_kind = {.name = "condition", .abort = abort_wait};
static const SrKind notified_kind = {.name = "lock of a condition", .abort = abort_notified, .undo = undo_notified};
static const SrKind cancelled_kind = {.name = "lock of a condition", .abort = abort_cancelled};

/* The oldest waiter, if there is one, gets in line for the lock, which somebody holds. */
static bool notify_one(Condition *condition) {
  SrTask *t = sr_take_waiting(&condition->waiters);
  if (t == NULL) return false;
  t->waiter.kind = &notified_kind;
  sr_ring_append(&condition->lock->waiters, &t->waiter);
  return true;
}

/* condition:notify([n]): wakes the n oldest waiters, one without n */
static int l_notify(lua_State *L) {
  Condition *condition = check_condition(L, "condition:notify");
  lua_Integer count = lua_isnoneornil(L, 2) ? 1 : sr_check_integer(L, "condition:notify", 2, 1, 0);
  sr_lock_check_held(L, condition->lock, "condition:notify");
  while (count > 0 && notify_one(condition)) count--;
  return 0;
}

/* condition:notify_all() */
static int l_notify_all(lua_State *L) {
  Condition *condition = check_condition(L, "condition:notify_all");
  sr_lock_check_held(L, condition->lock, "condition:notify_all");
  while (notify_one(condition)) continue;
  return 0;
}

/* --- aborting --------------------------------------------------------------- */

/* Closed by force, so it needs the lock no more; else it was cancelled and its outcome says by what. */
static bool is_forced(const SrTask *t) {
  return t->future.outcome == SR_WOKEN;
}

static bool abort_wait(SrTask *t) {
  Condition *condition = (Condition *)t->object;
  SrLock *lock = condition->lock;
  sr_ring_remove(&condition->waiters, &t->waiter);
  if (is_forced(t)) return true;
  t->waiter.kind = &cancelled_kind;
  if (lock->owner == NULL) return sr_lock_take(lock, t), true;
  sr_ring_append(&lock->waiters, &t->waiter);
  return false;
}

static bool abort_notified(SrTask *t) {
  Condition *condition = (Condition *)t->object;
  notify_one(condition);
  if (is_forced(t)) return sr_ring_remove(&condition->lock->waiters, &t->waiter), true;
  t->waiter.kind = &cancelled_kind;
  return false;
}

static bool abort_cancelled(SrTask *t) {
  sr_ring_remove(&((Condition *)t->object)->lock->waiters, &t->waiter);
  return true;
}

/* It holds the lock, but has not left `wait`. */
static void undo_notified(lua_State *L, SrTask *t) {
  (void)L;
  Condition *condition = (Condition *)t->object;
  notify_one(condition);
  sr_lock_let_go(condition->lock);
}

/* --- wait ------------------------------------------------------------------- */

/* Gives the lock up and waits. The serial of the hold is kept on the stack, for back_again. */
static int wait(lua_State *L, SrTask *t, Condition *condition, lua_KFunction k) {
  lua_pushinteger(L, condition->lock->serial);
  sr_ring_append(&condition->waiters, &t->waiter);
  sr_lock_let_go(condition->lock);
  return sr_park(L, t, &wait_kind, condition, k);
}

/* The lock is held again: the permit of the hold before is good again. Whether it was notified. [-1, +0, v] */
static bool back_again(lua_State *L, SrTask *t) {
  bool is_woken = sr_was_woken(L, t);
  ((Condition *)lua_touserdata(L, 1))->lock->serial = (uint32_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return is_woken;
}

static int k_wait(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return back_again(L, t) ? 0 : sr_throw(L, t);
}

/* condition:wait(): gives the lock up until it is notified; holds it again however this ends. Waits. */
static int l_wait(lua_State *L) {
  Condition *condition = check_condition(L, "condition:wait");
  SrTask *t = sr_check_wait(L, "condition:wait");
  sr_lock_check_held(L, condition->lock, "condition:wait");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  return wait(L, t, condition, k_wait);
}

/* --- wait_for --------------------------------------------------------------- */

static int test(lua_State *L, SrTask *t);

static int k_wait_for(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  return back_again(L, t) ? test(L, t) : sr_throw(L, t);
}

/* The value of the predicate is on top. It is the user's code: the lock may be gone. */
static int k_test(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  Condition *condition = (Condition *)lua_touserdata(L, 1);
  if (lua_toboolean(L, -1)) return sr_return(L, t, 1);
  lua_settop(L, PREDICATE);
  sr_lock_check_held(L, condition->lock, "condition:wait_for");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  return wait(L, t, condition, k_wait_for);
}

static int test(lua_State *L, SrTask *t) {
  lua_KContext ctx = (lua_KContext)t;
  lua_pushvalue(L, PREDICATE);
  lua_callk(L, 0, 1, ctx, k_test);
  return k_test(L, LUA_OK, ctx);
}

/* condition:wait_for(predicate): waits until predicate() is true; returns its value. Waits. */
static int l_wait_for(lua_State *L) {
  Condition *condition = check_condition(L, "condition:wait_for");
  sr_check_function(L, "condition:wait_for", PREDICATE, 1);
  SrTask *t = sr_check_wait(L, "condition:wait_for");
  sr_lock_check_held(L, condition->lock, "condition:wait_for");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  lua_settop(L, PREDICATE);
  return test(L, t);
}

/* condition:waiting(): how many tasks wait to be notified */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, sr_count_waiting(check_condition(L, "condition:waiting")->waiters));
  return 1;
}

/* tostring(condition): condition (lock held by task 'main', 2 waiting) */
static int l_tostring(lua_State *L) {
  const Condition *condition = check_condition(L, "tostring");
  sr_lock_push_holder(L, condition->lock);
  return sr_describe(L, &condition->head, condition->waiters, "lock %s", lua_tostring(L, -1));
}

/* --- open ------------------------------------------------------------------- */

void sr_open_condition(lua_State *L) {
  static const luaL_Reg functions[] = {{"condition", l_condition}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"acquire", l_acquire},
      {"release", l_release},
      {"locked", l_locked},
      {"wait", l_wait},
      {"wait_for", l_wait_for},
      {"notify", l_notify},
      {"notify_all", l_notify_all},
      {"waiting", l_waiting},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &condition_class, methods, meta);
  sr_set_lazy_method(L, "with", "saros.with", "condition");
  lua_pop(L, 1);
}
