/* SPDX-License-Identifier: MIT */
/* The ready queue, park, wake and abort. See park.h. */
#include "runtime/park.h"

#include "runtime/place.h"

/* --- before a wait ----------------------------------------------------------- */

static const char *place_problem(lua_State *L, const SrRuntime *rt) {
  if (!rt->is_running) return "here: no loop is running (call it inside async.run)";
  if (sr_current_task(rt) == NULL) return "here: no task is running (this is a reporter or a finalizer)";
  bool is_own = rt->current->co == L || sr_find_coroutine(L, L) != NULL;
  if (!is_own) return "inside a coroutine of your own (spawn a task instead)";
  return "across a C function (table.sort, string.gsub, require, a finalizer, ...)";
}

int sr_place_error(lua_State *L, const SrRuntime *rt, const char *function) {
  sr_push_position(L);
  lua_pushfstring(L, "%s: cannot wait %s", function, place_problem(L, rt));
  lua_concat(L, 2);
  return lua_error(L);
}

static bool is_shielded(const SrTask *t) {
  for (const SrScope *scope = t->current; scope != &t->scope; scope = scope->parent)
    if (scope->kind == SR_SCOPE_SHIELD) return true;
  return false;
}

bool sr_is_interrupted(const SrTask *t) {
  return t->rt->interrupt.is_pending && t == t->rt->main_task && !is_shielded(t);
}

/* --- park and wake ---------------------------------------------------------- */

static void begin_wait(SrTask *t, const SrKind *kind, SrState state) {
  t->waiter.kind = kind;
  t->future.state = (uint8_t)state;
  t->future.outcome = SR_WOKEN;
  t->budget = SR_BUDGET;
}

/* The task goes on in `k` when it is resumed. To be returned. [-0, +0, v] */
static int suspend(lua_State *L, lua_KFunction k, lua_KContext ctx) {
  return lua_yieldk(L, 0, ctx, k);
}

int sr_park_in(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx) {
  t->object = object;
  begin_wait(t, kind, SR_PARKED);
  return suspend(L, k, ctx);
}

static void end_wait(SrTask *t, SrOutcome outcome) {
  t->future.outcome = (uint8_t)outcome;
  if (t->waiter.kind->abort(t)) sr_wake(t);
}

int sr_park_checked(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k, lua_KContext ctx) {
  t->object = object;
  begin_wait(t, kind, SR_PARKED);
  if (t->current->cause != NULL) end_wait(t, SR_BY_CANCEL);
  return suspend(L, k, ctx);
}

int sr_park(lua_State *L, SrTask *t, const SrKind *kind, void *object, lua_KFunction k) {
  return sr_park_in(L, t, kind, object, k, (lua_KContext)t);
}

static const SrKind turn_kind = {.name = "its turn"};

/* Goes to the end of the ready queue: every task that is ready now runs first. */
int sr_turn(lua_State *L, SrTask *t, lua_KFunction k, lua_KContext ctx) {
  sr_ready(t->rt, t);
  begin_wait(t, &turn_kind, SR_READY);
  return suspend(L, k, ctx);
}

int sr_switch(lua_State *L, int n, lua_KFunction k, lua_KContext ctx) {
  return lua_yieldk(L, n, ctx, k);
}

static int k_return(lua_State *L, int status, lua_KContext count) {
  (void)L, (void)status;
  return (int)count;
}

int sr_return(lua_State *L, SrTask *t, int n) {
  return sr_is_spent(t) ? sr_turn(L, t, k_return, n) : n;
}

void sr_wake(SrTask *t) {
  if (t->future.state != SR_PARKED) return; /* its coroutine was resumed by hand and the wait given up */
  t->future.state = SR_READY;
  sr_ready(t->rt, t);
}

static void on_ended_lost(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)waiter, (void)target;
}

const SrKind sr_lost_kind = {.name = "its end", .ended = on_ended_lost};

/*
** It is to end, but cannot leave the ring in which it stands: that may be gone. So it cannot stand in the ready queue
** either, but is in a list of its own.
*/
static void lose(SrTask *t) {
  SrRuntime *rt = t->rt;
  t->future.state = SR_LOST;
  t->waiter.kind = &sr_lost_kind;
  t->object = rt->ready.lost;
  rt->ready.lost = t;
  if (rt->clock.hurry != NULL) rt->clock.hurry(&rt->clock);
}

void sr_abort(SrTask *t, SrOutcome outcome) {
  if (t->future.state != SR_PARKED) return;
  if (t->future.outcome != SR_WOKEN) return; /* aborted before; it is joining what it cancelled */
  if (sr_is_lost(t))
    lose(t);
  else
    end_wait(t, outcome);
}

bool sr_abort_in_ring(SrTask *t) {
  SrWaiter **ring = (SrWaiter **)(void *)((char *)t->object + t->waiter.kind->ring);
  sr_ring_remove(ring, &t->waiter);
  return true;
}

void sr_give_up(SrTask *t) {
  const SrKind *kind = t->waiter.kind;
  if (kind->give_up != NULL) {
    kind->give_up(t);
    return;
  }
  bool stopped = kind->abort(t);
  if (!stopped && kind->ended != NULL) sr_ring_remove(&((SrFuture *)t->object)->watchers, &t->waiter);
}

/* --- the ready queue -------------------------------------------------------- */

const SrKind sr_starter_kind = {.name = "its turn"};

void sr_enqueue_before(SrRuntime *rt, SrWaiter *at, SrWaiter *waiter) {
  waiter->next = at;
  waiter->prev = at->prev;
  if (rt->ready.first == at)
    rt->ready.first = waiter;
  else
    at->prev->next = waiter;
  at->prev = waiter;
}

void sr_dequeue(SrRuntime *rt, SrWaiter *waiter) {
  if (rt->ready.first == waiter)
    rt->ready.first = waiter->next;
  else
    waiter->prev->next = waiter->next;
  if (rt->ready.last != waiter)
    waiter->next->prev = waiter->prev;
  else
    rt->ready.last = rt->ready.first == NULL ? NULL : waiter->prev;
}

void sr_unready(SrRuntime *rt, SrTask *t) {
  sr_dequeue(rt, &t->waiter);
  rt->ready.count--;
}

/* --- coroutines of tasks in the hands of others ----------------------------- */

int sr_stray_error(lua_State *L) {
  return luaL_error(L, "the coroutine of a task was resumed by hand (only saros may do that)");
}

bool sr_end_stray_wait(SrTask *t) {
  if (t->future.state == SR_ENDED) return false;
  if (t->future.state == SR_PARKED) sr_give_up(t);
  if (t->future.state == SR_READY) sr_unready(t->rt, t);
  t->future.state = SR_RUNNING;
  t->waiter.kind = &turn_kind;
  return true;
}

void sr_go_on(SrTask *t) {
  t->future.state = SR_READY;
  t->future.outcome = SR_WOKEN;
  t->waiter.kind = &turn_kind;
  sr_ready(t->rt, t);
}

/* Somebody got hold of the coroutine and resumed it: the wait is given up, and the task fails. */
int sr_refuse_stray(lua_State *L, SrTask *t) {
  sr_end_stray_wait(t);
  return sr_stray_error(L);
}
