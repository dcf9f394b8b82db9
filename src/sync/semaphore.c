/* SPDX-License-Identifier: MIT */
/* Semaphore. Invariant: while somebody waits, fewer permits are available than the oldest waiter wants. */
#include "runtime/lazy.h"
#include "runtime/selectable.h"
#include "sync/sync.h"

typedef struct Semaphore {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *waiters;
  lua_Integer available, limit;
} Semaphore;

static const SrSelectable selectable;
static const SrClass semaphore_class = {.name = "semaphore", .selectable = &selectable};

/* --- check, new ------------------------------------------------------------- */

static Semaphore *check_semaphore(lua_State *L, const char *function) {
  return (Semaphore *)sr_check_self(L, &semaphore_class, function);
}

/* semaphore(n): n permits, at least 1 */
static int l_semaphore(lua_State *L) {
  lua_Integer limit = sr_check_integer(L, "semaphore", 1, 1, 1);
  Semaphore *semaphore = (Semaphore *)sr_new_giver(L, &semaphore_class, sizeof(Semaphore));
  semaphore->rt = sr_rt(L);
  semaphore->available = semaphore->limit = limit;
  return 1;
}

static lua_Integer check_several(lua_State *L, const Semaphore *semaphore, const char *function) {
  lua_Integer count = sr_check_integer(L, function, 2, 1, 1);
  if (count > semaphore->limit)
    sr_arg_error(L, function, 1, "must be at most %I, the size of the semaphore, got %I", (LUAI_UACINT)semaphore->limit,
                 (LUAI_UACINT)count);
  return count;
}

/* How many permits are asked for by the argument at index 2: one, unless it says otherwise. */
static inline lua_Integer check_count(lua_State *L, const Semaphore *semaphore, const char *function) {
  return lua_isnoneornil(L, 2) ? 1 : check_several(L, semaphore, function);
}

/* --- acquire and release ---------------------------------------------------- */

static const SrKind several_kind;

/*
** How many permits a waiter wants. One that waits for several has its permit, which knows, on top of its stack; if that
** was closed it wants none.
*/
static lua_Integer wanted_by(SrWaiter *waiter) {
  if (waiter->kind != &several_kind) return 1;
  const SrTask *t = sr_task_of(waiter);
  return sr_is_closed(t) ? 0 : ((const SrPermit *)lua_touserdata(t->co, -1))->count;
}

/* So many have come back: the oldest waiters get theirs. */
static void hand_over(Semaphore *semaphore, lua_Integer count) {
  semaphore->available += count;
  while (semaphore->waiters != NULL && (count = wanted_by(semaphore->waiters)) <= semaphore->available) {
    SrTask *t = sr_take_oldest(&semaphore->waiters);
    if (t == NULL) continue;
    semaphore->available -= count;
    sr_wake(t);
  }
}

static void give_back(lua_State *L, Semaphore *semaphore, lua_Integer count) {
  if (count > semaphore->limit - semaphore->available)
    luaL_error(L, "semaphore:release: released more often than acquired");
  hand_over(semaphore, count);
}

static void release_permit(lua_State *L, const SrPermit *permit) {
  give_back(L, (Semaphore *)permit->object, permit->count);
}

static const SrPermitOps permit_ops = {.release = release_permit};

static void undo_acquire(lua_State *L, SrTask *t) {
  (void)L;
  hand_over((Semaphore *)t->object, wanted_by(&t->waiter));
}

/* Those behind it may want less. */
static bool abort_several(SrTask *t) {
  sr_abort_in_ring(t);
  hand_over((Semaphore *)t->object, 0);
  return true;
}

static const SrKind acquire_kind = {
    .name = "semaphore", .abort = sr_abort_in_ring, .ring = offsetof(Semaphore, waiters), .undo = undo_acquire};
static const SrKind several_kind = {
    .name = "semaphore", .abort = abort_several, .ring = offsetof(Semaphore, waiters), .undo = undo_acquire};

/* The permit was made before the wait, so nothing can fail now that one is ours. */
static int k_acquire(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  ((SrPermit *)lua_touserdata(L, -1))->is_held = true;
  return 1;
}

/* Whether so many can be had without overtaking anybody. */
static bool has(const Semaphore *semaphore, lua_Integer count) {
  return semaphore->available >= count && semaphore->waiters == NULL;
}

/* Pushes a permit for so many, which is not held yet. Finalizers run. [-0, +1, m] */
static SrPermit *push_permit(lua_State *L, Semaphore *semaphore, lua_Integer count) {
  SrPermit *permit = sr_push_permit(L, &permit_ops, semaphore);
  permit->count = count;
  return permit;
}

/* semaphore:acquire([n]): a permit, for n at once. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  Semaphore *semaphore = check_semaphore(L, "semaphore:acquire");
  lua_Integer count = check_count(L, semaphore, "semaphore:acquire");
  SrTask *t = sr_check_wait_in(L, semaphore->rt, "semaphore:acquire");
  SrPermit *permit = push_permit(L, semaphore, count);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (has(semaphore, count)) {
    semaphore->available -= count;
    permit->is_held = true;
    return sr_return(L, t, 1);
  }
  sr_ring_append(&semaphore->waiters, &t->waiter);
  return sr_park(L, t, count == 1 ? &acquire_kind : &several_kind, semaphore, k_acquire);
}

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)L, (void)t;
  Semaphore *semaphore = (Semaphore *)object;
  if (!has(semaphore, 1)) return SR_NOTHING;
  semaphore->available--;
  return SR_TAKEN;
}

static void prepare(lua_State *L) {
  sr_push_permit(L, &permit_ops, lua_touserdata(L, 1));
}

static int give(lua_State *L, SrTask *t, void *object) {
  (void)t, (void)object;
  ((SrPermit *)lua_touserdata(L, -1))->is_held = true;
  return 1;
}

static const SrSelectable selectable = {.kind = &acquire_kind, .prepare = prepare, .take = take, .give = give};

/* semaphore:try_acquire([n]): a permit, or nil if it would have to wait */
static int l_try_acquire(lua_State *L) {
  Semaphore *semaphore = check_semaphore(L, "semaphore:try_acquire");
  lua_Integer count = check_count(L, semaphore, "semaphore:try_acquire");
  SrPermit *permit = has(semaphore, count) ? push_permit(L, semaphore, count) : NULL;
  if (permit == NULL || !has(semaphore, count))
    return lua_pushnil(L), 1; /* perhaps by now: a finalizer may have acquired it */
  semaphore->available -= count;
  permit->is_held = true;
  return 1;
}

/* semaphore:release([n]): gives back permits that somebody acquired */
static int l_release(lua_State *L) {
  Semaphore *semaphore = check_semaphore(L, "semaphore:release");
  give_back(L, semaphore, check_count(L, semaphore, "semaphore:release"));
  return 0;
}

/* semaphore:available() */
static int l_available(lua_State *L) {
  lua_pushinteger(L, check_semaphore(L, "semaphore:available")->available);
  return 1;
}

/* semaphore:waiting(): how many tasks wait for permits */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, sr_count_waiting(check_semaphore(L, "semaphore:waiting")->waiters));
  return 1;
}

/* tostring(semaphore): semaphore (1 of 3 available, 0 waiting) */
static int l_tostring(lua_State *L) {
  const Semaphore *semaphore = check_semaphore(L, "tostring");
  return sr_describe(L, &semaphore->head, semaphore->waiters, "%I of %I available", (LUAI_UACINT)semaphore->available,
                     (LUAI_UACINT)semaphore->limit);
}

/* --- open ------------------------------------------------------------------- */

void sr_open_semaphore(lua_State *L) {
  static const luaL_Reg functions[] = {{"semaphore", l_semaphore}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"acquire", l_acquire},     {"try_acquire", l_try_acquire}, {"release", l_release},
      {"available", l_available}, {"waiting", l_waiting},         {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &semaphore_class, methods, meta);
  sr_set_lazy_method(L, "with", "saros.with", "semaphore");
  lua_pop(L, 1);
}
