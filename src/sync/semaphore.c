/* SPDX-License-Identifier: MIT */
/* Semaphore. Invariant: while somebody waits, no permit is available. */
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

/* --- acquire and release ---------------------------------------------------- */

/* One permit goes to the oldest waiter, or back. */
static void hand_over(Semaphore *semaphore) {
  SrTask *t = sr_take_waiting(&semaphore->waiters);
  if (t != NULL)
    sr_wake(t);
  else
    semaphore->available++;
}

static void give_back(lua_State *L, Semaphore *semaphore) {
  if (semaphore->available == semaphore->limit) luaL_error(L, "semaphore:release: released more often than acquired");
  hand_over(semaphore);
}

static void release_permit(lua_State *L, void *object, uint32_t serial) {
  (void)serial;
  give_back(L, (Semaphore *)object);
}

static const SrPermitOps permit_ops = {.release = release_permit};

static void undo_acquire(lua_State *L, SrTask *t) {
  (void)L;
  hand_over((Semaphore *)t->object);
}

static const SrKind acquire_kind = {
    .name = "semaphore", .abort = sr_abort_in_ring, .ring = offsetof(Semaphore, waiters), .undo = undo_acquire};

/* The permit was made before the wait, so nothing can fail now that one is ours. */
static int k_acquire(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  ((SrPermit *)lua_touserdata(L, -1))->is_held = true;
  return 1;
}

/* semaphore:acquire(): a permit. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  Semaphore *semaphore = check_semaphore(L, "semaphore:acquire");
  SrTask *t = sr_check_wait_in(L, semaphore->rt, "semaphore:acquire");
  SrPermit *permit = sr_push_permit(L, &permit_ops);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (semaphore->available > 0) {
    semaphore->available--;
    permit->is_held = true;
    return sr_return(L, t, 1);
  }
  sr_ring_append(&semaphore->waiters, &t->waiter);
  return sr_park(L, t, &acquire_kind, semaphore, k_acquire);
}

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  (void)L, (void)t;
  Semaphore *semaphore = (Semaphore *)object;
  if (semaphore->available == 0) return SR_NOTHING;
  semaphore->available--;
  return SR_TAKEN;
}

static void prepare(lua_State *L) {
  sr_push_permit(L, &permit_ops);
}

static int give(lua_State *L, SrTask *t, void *object) {
  (void)t, (void)object;
  ((SrPermit *)lua_touserdata(L, -1))->is_held = true;
  return 1;
}

static const SrSelectable selectable = {.kind = &acquire_kind, .prepare = prepare, .take = take, .give = give};

/* semaphore:try_acquire(): a permit, or nil if it would have to wait */
static int l_try_acquire(lua_State *L) {
  Semaphore *semaphore = check_semaphore(L, "semaphore:try_acquire");
  SrPermit *permit = semaphore->available > 0 ? sr_push_permit(L, &permit_ops) : NULL;
  if (semaphore->available == 0) return lua_pushnil(L), 1; /* perhaps by now: a finalizer may have acquired it */
  semaphore->available--;
  permit->is_held = true;
  return 1;
}

/* semaphore:release(): gives back a permit that somebody acquired */
static int l_release(lua_State *L) {
  give_back(L, check_semaphore(L, "semaphore:release"));
  return 0;
}

/* semaphore:available() */
static int l_available(lua_State *L) {
  lua_pushinteger(L, check_semaphore(L, "semaphore:available")->available);
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
      {"acquire", l_acquire}, {"try_acquire", l_try_acquire}, {"release", l_release}, {"available", l_available},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &semaphore_class, methods, meta);
  lua_pop(L, 1);
}
