/* SPDX-License-Identifier: MIT */
/*
** Rate limiter: at most n grants in any stretch of time as long as the period.
**
** Invariant: the grants of the last period stand in a ring of times. While somebody waits the ring
** is full and the timer runs to the moment when the oldest of them is over.
*/

#include <math.h>

#include "runtime/lazy.h"
#include "sync/sync.h"

typedef struct Limiter {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *waiters;
  saros_timer timer;    /* armed while somebody waits, unless the period never ends */
  int64_t period;       /* nanoseconds, or NEVER_OVER */
  lua_Integer limit;    /* grants in a period */
  int64_t *times;       /* of grants, nanoseconds on the clock: user value TIMES */
  lua_Integer capacity; /* places in the ring, at most `limit` */
  lua_Integer first;    /* the place of the oldest */
  lua_Integer count;
  unsigned run;    /* in which the grants were given */
  bool is_virtual; /* on a virtual clock */
} Limiter;

enum { TIMES = 1, FIRST_CAPACITY = 16 };

/* Periods longer than this (146 years) count as endless, so that sums cannot overflow. */
static const double FARTHEST = 4.6e18;
static const int64_t NEVER_OVER = -1;

static const SrClass limiter_class = {.name = "rate limiter"};

/* --- check, new ------------------------------------------------------------- */

static void on_over(saros_timer *timer);

static Limiter *check_limiter(lua_State *L, const char *function) {
  return (Limiter *)sr_check_self(L, &limiter_class, function);
}

/* rate_limiter(n, period): n grants, at least 1, in a period of so many seconds */
static int l_limiter(lua_State *L) {
  lua_Integer limit = sr_check_integer(L, "rate_limiter", 1, 1, 1);
  double period = sr_check_seconds(L, "rate_limiter", 2, 2) * 1e9;
  Limiter *limiter = (Limiter *)sr_new_object(L, &limiter_class, sizeof(Limiter), 1);
  limiter->rt = sr_rt(L);
  limiter->limit = limit;
  limiter->period = period < FARTHEST ? (int64_t)(period + 0.5) : NEVER_OVER;
  limiter->timer.on_fire = on_over;
  return 1;
}

/*
** The timer must not stay armed. Somebody may wait if his coroutine was closed from outside. Whoever has brought the
** limiter back, in a finalizer, cannot use it any more.
*/
static int l_collect(lua_State *L) {
  Limiter *limiter = (Limiter *)sr_test(L, 1, &limiter_class);
  if (limiter == NULL) return 0;
  sr_clock_stop(&limiter->rt->clock, (SrTimer *)&limiter->timer);
  limiter->head.cls = NULL;
  return 0;
}

/* --- the ring of times ------------------------------------------------------ */

/* Makes room for one more grant of the limiter at index 1. [-0, +0, m] */
static void reserve(lua_State *L, Limiter *limiter) {
  if (limiter->count < limiter->capacity) return;
  lua_Integer capacity = limiter->capacity == 0 ? FIRST_CAPACITY : 2 * limiter->capacity;
  if (capacity > limiter->limit) capacity = limiter->limit;
  int64_t *times = (int64_t *)lua_newuserdatauv(L, (size_t)capacity * sizeof *times, 0);
  for (lua_Integer i = 0; i < limiter->count; i++) times[i] = limiter->times[(limiter->first + i) % limiter->capacity];
  lua_setiuservalue(L, 1, TIMES);
  limiter->times = times;
  limiter->capacity = capacity;
  limiter->first = 0;
}

static void note(Limiter *limiter, int64_t now) {
  limiter->times[(limiter->first + limiter->count++) % limiter->capacity] = now;
}

/* Forgets what is over. */
static void forget(Limiter *limiter, int64_t now) {
  if (limiter->period == NEVER_OVER) return;
  while (limiter->count > 0 && limiter->times[limiter->first] + limiter->period <= now) {
    limiter->first = (limiter->first + 1) % limiter->capacity;
    limiter->count--;
  }
}

/* Every virtual clock begins anew: grants on one mean nothing to another run. */
static void enter_run(Limiter *limiter) {
  SrRuntime *rt = limiter->rt;
  if (limiter->run != rt->runs && (limiter->is_virtual || rt->clock.is_virtual)) limiter->count = 0;
  limiter->run = rt->runs;
  limiter->is_virtual = rt->clock.is_virtual;
}

/* --- waiting ---------------------------------------------------------------- */

/* The clock rounds up to nanoseconds; half of one less makes it meet the moment exactly. */
static bool arm(Limiter *limiter, int64_t now) {
  if (limiter->period == NEVER_OVER) return true;
  int64_t wait = limiter->times[limiter->first] + limiter->period - now;
  return sr_clock_start(&limiter->rt->clock, (SrTimer *)&limiter->timer, ((double)wait - 0.5) / 1e9, false);
}

/* Arming cannot fail: the timer has just given its place back. */
static void on_over(saros_timer *timer) {
  Limiter *limiter = SR_CONTAINER(timer, Limiter, timer);
  int64_t now = sr_clock_now(&limiter->rt->clock);
  forget(limiter, now);
  SrTask *t;
  while (limiter->count < limiter->limit && (t = sr_take_waiting(&limiter->waiters)) != NULL) {
    note(limiter, now);
    sr_wake(t);
  }
  if (limiter->waiters != NULL) arm(limiter, now);
}

static bool abort_acquire(SrTask *t) {
  Limiter *limiter = (Limiter *)t->object;
  sr_ring_remove(&limiter->waiters, &t->waiter);
  if (limiter->waiters == NULL) sr_clock_stop(&limiter->rt->clock, (SrTimer *)&limiter->timer);
  return true;
}

static const SrKind acquire_kind = {.name = "rate limiter", .abort = abort_acquire};

/* rate_limiter:acquire(): until there may be one more. Waits in order of arrival. */
static int l_acquire(lua_State *L) {
  Limiter *limiter = check_limiter(L, "rate_limiter:acquire");
  SrTask *t = sr_check_wait_in(L, limiter->rt, "rate_limiter:acquire");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (limiter->waiters == NULL) {
    int64_t now = sr_clock_now(&limiter->rt->clock);
    enter_run(limiter);
    forget(limiter, now);
    if (limiter->count < limiter->limit) {
      reserve(L, limiter);
      note(limiter, now);
      return sr_return(L, t, 0);
    }
    if (!arm(limiter, now)) return luaL_error(L, "rate_limiter:acquire: not enough memory");
  }
  sr_ring_append(&limiter->waiters, &t->waiter);
  return sr_park(L, t, &acquire_kind, limiter, sr_k_nothing);
}

/* rate_limiter:waiting(): how many tasks wait for their turn */
static int l_waiting(lua_State *L) {
  lua_pushinteger(L, sr_count_waiting(check_limiter(L, "rate_limiter:waiting")->waiters));
  return 1;
}

/* tostring(limiter): rate limiter (10 in 1 s, 0 waiting) */
static int l_tostring(lua_State *L) {
  const Limiter *limiter = check_limiter(L, "tostring");
  lua_pushnumber(L, limiter->period == NEVER_OVER ? HUGE_VAL : (lua_Number)limiter->period / 1e9);
  return sr_describe(L, &limiter->head, limiter->waiters, "%I in %s s", (LUAI_UACINT)limiter->limit,
                     lua_tostring(L, -1));
}

/* --- open ------------------------------------------------------------------- */

void sr_open_limiter(lua_State *L) {
  static const luaL_Reg functions[] = {{"rate_limiter", l_limiter}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"acquire", l_acquire}, {"waiting", l_waiting}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &limiter_class, methods, meta);
  sr_set_lazy_method(L, "with", "saros.with", "rate_limiter");
  lua_pop(L, 1);
}
