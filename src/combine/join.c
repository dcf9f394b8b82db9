/* SPDX-License-Identifier: MIT */
/* Join: the engine of the combinators. See join.h. */
#include "combine/join.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/debug.h"
#include "runtime/starter.h"

_Static_assert(sizeof(SrJoin) <= SR_BLOCK_SIZE, "a join must fit in a block");

/* --- deciding --------------------------------------------------------------- */

/*
** Whether the host's coroutine was closed from outside, or is being closed: nothing can be kept in it any more, and what
** its frame had may be gone. Its stack is not empty while __close handlers run. One that asks has a copy of the frame.
*/
static bool is_gone(const SrJoin *join) {
  if (join->asks || lua_status(join->host) == LUA_YIELD) return false;
  return join->block.task->future.state != SR_RUNNING || lua_gettop(join->host) == 0;
}

/* The same of what is watched: nobody else need know of a future, while tasks live until they have ended. */
static bool may_be_gone(const SrWatch *watch) {
  return !watch->is_task && is_gone(watch->join);
}

/* The join does not wait for it any more. */
static void let_go(SrWatch *watch) {
  if (!watch->is_let_go) watch->join->block.running--;
  watch->is_let_go = true;
}

static void unwatch(SrWatch *watch) {
  if (watch->target == NULL) return;
  sr_ring_remove(&watch->target->watchers, &watch->waiter);
  watch->target = NULL;
  let_go(watch);
}

/*
** Watches that stand in the rings of futures which may be gone, and may not. Nobody can take them out, so they are never
** freed. Only whoever closes coroutines that are not his makes some.
*/
static _Atomic(SrWatch *) left_behind;

static void leave_behind(SrJoin *join) {
  SrWatch *first = &join->watches[0];
  for (uint32_t i = 0; i < join->tally.total; i++) join->watches[i].waiter.kind = &sr_lost_kind;
  first->next = atomic_load(&left_behind);
  while (!atomic_compare_exchange_weak(&left_behind, &first->next, first)) continue;
}

static void drop_watches(SrJoin *join) {
  bool is_left = false;
  for (uint32_t i = 0; join->watches != NULL && i < join->tally.total; i++) {
    SrWatch *watch = &join->watches[i];
    if (watch->target != NULL && may_be_gone(watch))
      is_left = true;
    else
      unwatch(watch);
  }
  if (is_left)
    leave_behind(join);
  else
    free(join->watches);
  join->watches = NULL;
}

void sr_join_decide(SrJoin *join) {
  if (join->decided) return;
  join->decided = true;
  join->turn = join->block.task->rt->turn;
  if (!join->spares) sr_scope_cancel(&join->block.scope);
  for (uint32_t i = 0; join->watches != NULL && i < join->tally.total; i++) {
    SrWatch *watch = &join->watches[i];
    if (watch->target == NULL) continue;
    if (!join->spares && watch->is_task)
      sr_scope_cancel(&((SrTask *)watch->target)->scope);
    else if (join->policy->in_list_order || may_be_gone(watch))
      let_go(watch);
    else
      unwatch(watch);
  }
}

bool sr_join_is_over(const SrJoin *join) {
  return join->block.running == 0 && (join->decided || join->next == join->tally.total);
}

/* The host goes on, unless it has not come to wait yet. */
static inline void wake_if_over(SrJoin *join) {
  SrTask *t = join->block.task;
  bool may_go_on = sr_join_is_over(join) || (join->wants_room && !join->decided);
  if (may_go_on && t->future.state == SR_PARKED && t->object == join) sr_wake(t);
}

static void take_ending(SrJoin *join, const SrEnding *ending) {
  if (join->policy->ended(join, ending)) sr_join_decide(join);
}

/* Memory ran out: what runs is cancelled and joined, then that is raised. */
static void lose(SrJoin *join) {
  join->lost = true;
  sr_join_decide(join);
}

/* --- starting --------------------------------------------------------------- */

/* Pushes an item. */
static inline void push_item(lua_State *L, const SrJoin *join, uint32_t index) {
  lua_Integer number = (lua_Integer)index + 1;
  if (join->asks)
    sr_join_push_frame(join, L, SR_JOIN_ITEM);
  else if (join->counts)
    lua_pushinteger(L, number);
  else {
    lua_rawgeti(join->host, SR_JOIN_ITEMS, number);
    if (L != join->host) lua_xmove(join->host, L, 1);
  }
}

/* Pushes the tracker with its own arguments; returns how many come before those of the function. */
static int push_tracker(lua_State *L, SrJoin *join) {
  if (!join->tracks) return 0;
  sr_join_push_frame(join, L, SR_JOIN_TRACKER);
  lua_pushlightuserdata(L, join);
  lua_pushinteger(L, (lua_Integer)join->block.serial);
  sr_join_push_frame(join, L, SR_JOIN_PROGRESS);
  return 4;
}

/* Pushes the function of an item, with its arguments; returns their number. */
static inline int push_function(lua_State *L, SrJoin *join, uint32_t index) {
  if (!join->maps) {
    push_item(L, join, index);
    return 0;
  }
  int before = push_tracker(L, join);
  sr_join_push_frame(join, L, SR_JOIN_FUNCTION);
  push_item(L, join, index);
  lua_pushinteger(L, (lua_Integer)index + 1);
  return before + 2;
}

/* Making the task lets finalizers run: they may decide the join, and then wake its host. */
static void start_next(lua_State *L, SrJoin *join) {
  int top = lua_gettop(L);
  int nargs = push_function(L, join, join->next);
  SrTask *t = sr_push_new_task(L, top + 1, nargs);
  if (!join->decided) {
    t->future.index = join->next;
    sr_start_task(L, join->block.task->rt, t, &join->block.scope);
    join->next++;
  }
  lua_settop(L, top);
}

static bool is_watched(const SrJoin *join, uint32_t index) {
  return join->watches != NULL && join->watches[index].join != NULL;
}

/* Whether its functions begin at their turn. A child that has locals of the host has to be given them before. */
static bool begins_late(const SrJoin *join) {
  return join->watches_none && !join->asks && !join->block.task->has_locals;
}

/* The same for those that begin later. False: first those that were started before have to begin. Needs no memory. */
static bool start_later(SrJoin *join) {
  uint32_t count = join->tally.total - join->next, room = join->limit - join->block.running;
  if (room < count) count = room;
  if (join->decided || count == 0) return true;
  if (!sr_start_later(join->block.task->rt, &join->starter, &join->block, join->next, count)) return false;
  join->next += count;
  return true;
}

/* Starts functions while the limit allows it. */
static void start_more(lua_State *L, SrJoin *join) {
  if (begins_late(join)) {
    if (start_later(join)) return;
    sr_begin_rest(L, join->block.task->rt, &join->starter);
    start_later(join);
    return;
  }
  while (!join->decided && join->next < join->tally.total && join->block.running < join->limit) {
    if (is_watched(join, join->next))
      join->next++;
    else
      start_next(L, join);
  }
}

/* --- watching --------------------------------------------------------------- */

static void on_child_ended(SrBlock *block, lua_State *L, SrTask *child, uint32_t index) {
  SrJoin *join = (SrJoin *)(void *)block;
  SrEnding ending = {L, 1, index, (SrStatus)child->future.status};
  if (is_gone(join))
    lose(join);
  else {
    take_ending(join, &ending);
    start_more(L, join);
  }
  wake_if_over(join);
}

static void on_child_lost(SrBlock *block) {
  SrJoin *join = (SrJoin *)(void *)block;
  lose(join);
  wake_if_over(join);
}

static int l_nothing(lua_State *L) {
  (void)L;
  return 0;
}

static int push_child_call(SrBlock *block, lua_State *L, uint32_t index) {
  SrJoin *join = (SrJoin *)(void *)block;
  if (!is_gone(join)) return push_function(L, join, index);
  lua_pushcfunction(L, l_nothing);
  return 0;
}

static int l_start_more(lua_State *L) {
  start_more(L, (SrJoin *)lua_touserdata(L, 1));
  return 0;
}

static bool on_child_done(SrBlock *block, lua_State *L, SrTask *child, int first) {
  SrJoin *join = (SrJoin *)(void *)block;
  if (is_gone(join) || !join->policy->done(join, L, first, child->future.index)) return false;
  sr_vacate(child);
  bool has_more = join->next < join->tally.total;
  if (has_more && !start_later(join)) {
    lua_pushlightuserdata(L, join);
    if (!sr_protected(L, l_start_more, 1, 0)) lose(join);
  }
  wake_if_over(join);
  return true;
}

static void take_watched(lua_State *L, SrJoin *join, uint32_t index) {
  int top = lua_gettop(L);
  push_item(L, join, index);
  SrEnding ending = {L, top + 1, index, (SrStatus)((SrFuture *)lua_touserdata(L, -1))->status};
  take_ending(join, &ending);
  lua_settop(L, top);
}

static int l_take_watched(lua_State *L) {
  SrWatch *watch = (SrWatch *)lua_touserdata(L, 1);
  take_watched(L, watch->join, (uint32_t)(watch - watch->join->watches));
  return 0;
}

static void on_watched_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  SrWatch *watch = SR_CONTAINER(waiter, SrWatch, waiter);
  SrJoin *join = watch->join;
  watch->target = NULL;
  let_go(watch);
  if (is_gone(join))
    lose(join);
  else if (target->status == SR_DONE) /* takes no memory */
    take_watched(L, join, (uint32_t)(watch - join->watches));
  else {
    lua_pushlightuserdata(L, watch);
    if (!sr_protected(L, l_take_watched, 1, 0)) lose(join);
  }
  wake_if_over(join);
}

/* From a watched task to the host. */
static bool link_host(const SrWaiter *watcher, SrLink *link) {
  link->task = SR_CONTAINER(watcher, SrWatch, waiter)->join->block.task;
  return false;
}

static const SrLinks watch_links = {NULL, link_host, false};
static const SrKind watch_kind = {
    .name = "the end of a task or future", .ended = on_watched_ended, .links = &watch_links};

static void watch(lua_State *L, SrJoin *join, uint32_t index, SrFuture *target) {
  if (join->watches == NULL) join->watches = (SrWatch *)calloc(join->tally.total, sizeof(SrWatch));
  if (join->watches == NULL) luaL_error(L, "not enough memory");
  SrWatch *entry = &join->watches[index];
  entry->join = join;
  if (target->status != SR_PENDING) return;
  join->block.running++;
  entry->target = target;
  entry->is_task = target->head.cls == &sr_task_class;
  entry->waiter.kind = &watch_kind;
  sr_ring_append(&target->watchers, &entry->waiter);
}

/* What has ended before. What is pending is let go of: something before it in the list decided the join. */
static void take_ended(lua_State *L, SrJoin *join, uint32_t index) {
  push_item(L, join, index);
  bool has_ended = ((SrFuture *)lua_touserdata(L, -1))->status != SR_PENDING;
  lua_pop(L, 1);
  if (has_ended) take_watched(L, join, index);
}

/* Watches all tasks and futures first: whatever has ended before may decide the join at once. */
static void watch_all(lua_State *L, SrJoin *join) {
  for (uint32_t i = 0; i < join->tally.total; i++) {
    push_item(L, join, i);
    SrFuture *target = sr_test_future(L, -1);
    lua_pop(L, 1);
    if (target != NULL) watch(L, join, i, target);
  }
  for (uint32_t i = 0; join->watches != NULL && i < join->tally.total; i++)
    if (is_watched(join, i) && join->watches[i].target == NULL) take_ended(L, join, i);
}

/* --- the host --------------------------------------------------------------- */

bool sr_join_abort(SrTask *t) {
  SrJoin *join = (SrJoin *)t->object;
  sr_join_decide(join);
  return sr_join_is_over(join);
}

/* From the host to the tasks that it watches; those that it owns are found by scope. */
static bool link_watched(const SrTask *t, SrLink *link) {
  const SrJoin *join = (const SrJoin *)t->object;
  if (join->watches == NULL || link->index == join->tally.total) return false;
  const SrWatch *watch = &join->watches[link->index++];
  if (watch->target != NULL && watch->is_task) link->task = (SrTask *)watch->target;
  return link->index < join->tally.total;
}

const SrLinks sr_join_links = {link_watched, NULL, false};
const SrLinks sr_race_links = {link_watched, NULL, true};

static void dispose(lua_State *L, SrBlock *block) {
  SrJoin *join = (SrJoin *)(void *)block;
  if (L != NULL) sr_unstart(block->task->rt, &join->starter);
  if (join->asks && L != NULL) {
    lua_pushnil(L);
    sr_anchor_set(L, join->host);
  }
  drop_watches(join);
}

static const SrBlockOps join_ops = {.name = "combinator",
                                    .child_ended = on_child_ended,
                                    .child_lost = on_child_lost,
                                    .push_call = push_child_call,
                                    .child_done = on_child_done,
                                    .dispose = dispose};

SrJoin *sr_join_open(lua_State *L, SrTask *t, const SrJoinPolicy *policy, lua_Integer total) {
  if (total > INT32_MAX) luaL_error(L, "%s: too many items", policy->kind.name);
  sr_need_spare(L, t->rt); /* for its first child: at its turn that would take a protected call */
  SrJoin *join = (SrJoin *)(void *)sr_block_open(L, t, SR_SCOPE_JOIN, &join_ops, sizeof(SrJoin));
  join->policy = policy;
  join->host = L;
  join->tally.total = (uint32_t)total;
  join->limit = UINT32_MAX;
  return join;
}

static int l_start(lua_State *L) {
  SrJoin *join = (SrJoin *)lua_touserdata(L, 1);
  if (!join->watches_none) watch_all(L, join);
  if (join->was_cancelled) sr_join_decide(join); /* what was given goes down with the caller */
  start_more(L, join);
  return 0;
}

/* Runs on the stack below the tasks: the frame of the host is read from outside then, here as later. */
static void start_all(lua_State *L, SrJoin *join) {
  lua_pushlightuserdata(L, join);
  if (!sr_protected(L, l_start, 1, 0)) lose(join);
}

int sr_join_run(lua_State *L, SrJoin *join, lua_KFunction k) {
  SrTask *t = join->block.task;
  join->was_cancelled = sr_is_cancelled(t);
  if (join->was_cancelled) sr_debug_raise(L, t);
  if (join->was_cancelled || !begins_late(join))
    start_all(t->rt->base, join);
  else
    start_later(join);
  if (join->block.scope.parent->cause != NULL) { /* perhaps by a finalizer just now: nobody is told of that any more */
    join->was_cancelled = true;
    sr_join_decide(join);
  }
  t->future.outcome = SR_WOKEN;
  if (sr_join_is_over(join)) {
    bool turn = sr_is_spent(t) || join->was_cancelled;
    return turn ? sr_turn(L, t, k, (lua_KContext)join) : k(L, LUA_OK, (lua_KContext)join);
  }
  return sr_join_wait(L, join, k);
}

void sr_join_add(SrJoin *join) {
  join->tally.total++;
  start_all(join->block.task->rt->base, join);
}

int sr_join_wait(lua_State *L, SrJoin *join, lua_KFunction k) {
  return sr_park_in(L, join->block.task, &join->policy->kind, join, k, (lua_KContext)join);
}

SrTally sr_join_finish(lua_State *L, SrJoin *join) {
  SrTally tally = join->tally;
  bool was_cancelled = join->was_cancelled, lost = join->lost;
  SrTask *t = join->block.task;
  if (t->future.state != SR_RUNNING) { /* resumed by hand: what ends from now on must not look for this frame */
    sr_end_stray_wait(t);
    sr_block_close(L, &join->block);
    sr_refuse_stray(L, t);
  }
  bool was_woken = t->future.outcome == SR_WOKEN;
  sr_block_close(L, &join->block);
  if (!was_woken) sr_throw(L, t);
  if (was_cancelled) sr_throw_pending(L, t);
  if (lost) sr_push_memory_error(L), lua_error(L);
  return tally;
}
