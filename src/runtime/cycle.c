/* SPDX-License-Identifier: MIT */
/*
** Cycles of tasks that wait for each other.
**
** A task that waits for others is followed by links: from it to those that it waits for, and back. Whether a task is
** among those that `waiter` would wait for is searched from both sides in turn, link by link. If one of them comes to
** its end before they meet there is no cycle, so long chains cost nothing where one end is near, as it is while a chain
** grows. If they meet, the side of the waiter is gone through, which alone knows what is needed and what is not.
**
** Invariant: between searches no task is marked. A search calls no Lua and needs no memory: its lists are linked
** through the scopes, as those of cancelling are, which never happens meanwhile.
*/
#include "runtime/cycle.h"

#include "runtime/handle.h"
#include "runtime/park.h"
#include "runtime/scope.h"

/* SrTask.seen. No deadline stands around a task that is marked as unlimited. */
enum { FORWARD = 1, BACKWARD = 2, UNLIMITED = 4 };

/* The tasks that one side has come to, in this order. Those before `node` have been left behind. */
typedef struct Side {
  uint8_t mark : 3;
  SrTask *first, *last, *node;
  SrLink link;             /* the present one of the node, or of the watcher */
  const SrWaiter *watcher; /* backward: the present one of those that watch the node */
  SrScope *scope;          /* where the tasks it owns, or its owner, are looked for; NULL: not yet */
} Side;

static SrTask *task_at(SrScope *scope) {
  return SR_CONTAINER(scope, SrTask, scope);
}

/* Whether the task of this block waits for the tasks that the block owns. */
static bool is_joined(const SrScope *scope) {
  if (scope->kind == SR_SCOPE_RUN || scope->kind == SR_SCOPE_TASK) return false;
  const SrTask *t = ((const SrBlock *)(const void *)scope)->task;
  return t->current == scope && t->future.state == SR_PARKED && t->waiter.kind->joins;
}

/* --- links ------------------------------------------------------------------ */

bool sr_link_awaited(const SrTask *t, SrLink *link) {
  SrFuture *target = (SrFuture *)t->object;
  link->task = target->head.cls == &sr_task_class ? (SrTask *)target : NULL;
  return false;
}

bool sr_link_waiting(const SrWaiter *watcher, SrLink *link) {
  link->task = SR_CONTAINER(watcher, SrTask, waiter);
  return false;
}

const SrLinks sr_await_links = {.awaited = sr_link_awaited, .waiting = sr_link_waiting};

/* --- one side --------------------------------------------------------------- */

/* Adds a task to those of a side. Returns whether the other side has been there. */
static bool reach(Side *side, SrTask *t) {
  if (t->seen != 0) return (t->seen & side->mark) == 0;
  t->seen = side->mark;
  t->scope.queued = NULL;
  t->scope.reached_from = side->node == NULL ? NULL : &side->node->scope;
  if (side->last == NULL)
    side->first = side->node = t;
  else
    side->last->scope.queued = &t->scope;
  side->last = t;
  return false;
}

static void go_on(Side *side) {
  side->node = side->node->scope.queued == NULL ? NULL : task_at(side->node->scope.queued);
  side->scope = NULL;
  side->watcher = NULL;
  side->link = (SrLink){0};
}

static void forget(Side *side) {
  SrScope *next;
  for (SrTask *t = side->first; t != NULL; t = next == NULL ? NULL : task_at(next)) {
    next = t->scope.queued;
    t->seen = 0;
  }
}

/*
** The tasks that a joining node owns, in all depths: they are below the block where it waits. What another one joins
** is left to that. NULL: none any more.
*/
static SrScope *next_owned(SrScope *top, SrScope *at) {
  return sr_next_scope(top, at, at == top || !is_joined(at));
}

/*
** Follows one link of the node to what it waits for; whether that meets the other side. A task that joins is taken to
** wait for all that it owns, which may be more than it needs.
*/
static bool step_forward(Side *side) {
  const SrTask *node = side->node;
  if (node->future.state != SR_PARKED) return go_on(side), false;
  const SrKind *kind = node->waiter.kind;
  if (sr_is_lost(node)) return go_on(side), false;
  if (side->scope == NULL && kind->links != NULL) {
    side->link.task = NULL;
    bool more = kind->links->awaited(node, &side->link);
    if (!more) side->scope = node->current;
    return side->link.task != NULL && reach(side, side->link.task);
  }
  if (side->scope == NULL) side->scope = node->current;
  side->scope = kind->joins ? next_owned(node->current, side->scope) : NULL;
  if (side->scope == NULL) return go_on(side), false;
  return side->scope->kind == SR_SCOPE_TASK && reach(side, task_at(side->scope));
}

/*
** Whether the owner of the node, which joins it, cannot end before. Whoever runs a race goes on when another one has
** come in, and whoever waits within a deadline when that passes: then who waits for him need not wait for ever.
*/
static bool needs(const SrTask *owner, const SrTask *node) {
  const SrLinks *links = owner->waiter.kind->links;
  if (links != NULL && links->one_is_enough) return false;
  return (node->seen & UNLIMITED) != 0 || !sr_scope_has_deadline(node->current);
}

/*
** Goes up from the node by one scope, to an owner that joins it. Around the waiter itself, where the search began, all
** of those are waited for in vain, whatever they need.
*/
static bool step_up(Side *side) {
  SrScope *scope = side->scope;
  side->scope = scope->parent;
  if (scope->kind == SR_SCOPE_RUN) return go_on(side), false;
  if (!is_joined(scope)) return false;
  SrTask *owner = ((SrBlock *)(void *)scope)->task;
  if (side->node == side->first) return reach(side, owner);
  bool is_needed = needs(owner, side->node), met = is_needed && reach(side, owner);
  if (is_needed && !met) owner->seen |= UNLIMITED;
  go_on(side);
  return met;
}

/* Follows one link of the node back to who waits for it, by way of a watcher or as its owner. As step_forward. */
static bool step_backward(Side *side) {
  const SrTask *node = side->node;
  const SrWaiter *oldest = node->future.watchers;
  if (side->scope == NULL && oldest != NULL) {
    if (side->watcher == NULL) side->watcher = oldest;
    const SrLinks *links = side->watcher->kind->links;
    bool more = false;
    side->link.task = NULL;
    if (links != NULL) more = links->waiting(side->watcher, &side->link);
    SrTask *t = side->link.task;
    if (!more) {
      side->watcher = side->watcher->next;
      side->link = (SrLink){0};
      if (side->watcher == oldest) side->scope = node->scope.parent;
    }
    return t != NULL && reach(side, t);
  }
  if (side->scope == NULL) side->scope = node->scope.parent;
  return step_up(side);
}

/* --- both sides ------------------------------------------------------------- */

/* Whether something can be found by following the links of a task. */
static bool leads_on(const SrTask *t) {
  return t->future.state == SR_PARKED && (t->waiter.kind->joins || t->waiter.kind->links != NULL) && !sr_is_lost(t);
}

/* Whether nobody at all waits for its end. */
static bool is_alone(const SrTask *t) {
  return t->future.watchers == NULL && t->scope.parent->kind == SR_SCOPE_RUN;
}

/*
** Whether the sides meet. If not, there is no cycle; if so there mostly is one, but only the backward side says for
** sure, which is then to be gone through.
*/
static bool meet(Side *forward, Side *backward) {
  bool found = false;
  while (!found && forward->node != NULL && backward->node != NULL) {
    found = step_backward(backward);
    if (!found) found = step_forward(forward);
  }
  forget(forward);
  forget(backward);
  return found;
}

/* Marks who waits for `waiter`, all of them or until `target` is found. */
static void mark_waiting(Side *backward, SrTask *waiter, const SrTask *target) {
  reach(backward, waiter);
  while (backward->node != NULL && (target == NULL || target->seen == 0)) step_backward(backward);
}

bool sr_waits_for(SrTask *target, SrTask *waiter) {
  if (target == waiter) return true;
  if (!leads_on(target) || is_alone(waiter)) return false;
  Side forward = {.mark = FORWARD}, backward = {.mark = BACKWARD};
  reach(&backward, waiter);
  reach(&forward, target);
  if (!meet(&forward, &backward)) return false;
  Side all = {.mark = BACKWARD};
  mark_waiting(&all, waiter, target);
  bool found = target->seen != 0;
  forget(&all);
  return found;
}

/* The first task of the list that is marked. Allocates nothing. */
static SrTask *find_marked(lua_State *L, int list) {
  SrTask *found = NULL;
  lua_Integer total = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; found == NULL && i <= total; i++) {
    lua_rawgeti(L, list, i);
    SrTask *t = lua_isuserdata(L, -1) ? sr_test_task(L, -1) : NULL;
    if (t != NULL && t->seen != 0) found = t;
    lua_pop(L, 1);
  }
  return found;
}

/* Begins at every task of the list from which something can be found. Whether one of them is `waiter`. */
static bool reach_all(lua_State *L, int list, Side *forward, const SrTask *waiter) {
  bool found = false;
  lua_Integer total = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; !found && i <= total; i++) {
    lua_rawgeti(L, list, i);
    SrTask *t = lua_isuserdata(L, -1) ? sr_test_task(L, -1) : NULL;
    lua_pop(L, 1);
    if (t != NULL && (t == waiter || (leads_on(t) && !is_alone(waiter)))) found = reach(forward, t);
  }
  return found;
}

SrTask *sr_find_waiting(lua_State *L, int list, SrTask *waiter) {
  Side forward = {.mark = FORWARD}, backward = {.mark = BACKWARD};
  reach(&backward, waiter);
  bool found = reach_all(L, list, &forward, waiter);
  found = meet(&forward, &backward) || found;
  if (!found) return NULL;
  Side all = {.mark = BACKWARD};
  mark_waiting(&all, waiter, NULL);
  SrTask *t = find_marked(L, list);
  forget(&all);
  return t;
}

size_t sr_trace_cycle(SrTask *target, SrTask *waiter, SrTask **path, size_t room) {
  size_t length = 0;
  Side backward = {.mark = BACKWARD};
  mark_waiting(&backward, waiter, target);
  for (SrTask *t = target; t != waiter; t = task_at(t->scope.reached_from)) {
    if (length < room) path[length] = t;
    length++;
    if (t->seen == 0) break; /* it waits for nobody: it is to be closed from inside */
  }
  forget(&backward);
  return length;
}
