/* SPDX-License-Identifier: MIT */
/* The end of a task by force, see force.h. */
#include "runtime/force.h"

#include "runtime/handle.h"
#include "runtime/park.h"
#include "runtime/place.h"
#include "runtime/scope.h"
#include "runtime/task.h"

int sr_close_thread(lua_State *co, lua_State *from) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

/* Ends the task of (handle, whatever) with an error. `format` is given its name and where it was spawned. */
static int end_with(lua_State *L, const char *format) {
  SrTask *t = (SrTask *)lua_touserdata(L, 1);
  sr_push_name(L, t);
  sr_push_place(L, &t->scope);
  lua_pushfstring(L, format, lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, 2);
  lua_settop(L, 2);
  return sr_l_end_task(L);
}

int sr_l_end_closed(lua_State *L) {
  return end_with(L, "the coroutine of task '%s' (spawned at %s) was closed from outside, by coroutine.close");
}

static int l_end_killed(lua_State *L) {
  return end_with(L, "task '%s' (spawned at %s) did not end when it was cancelled and was closed by force");
}

static int l_undo(lua_State *L) {
  SrTask *t = (SrTask *)lua_touserdata(L, 1);
  lua_settop(L, 0);
  t->waiter.kind->undo(L, t);
  return 0;
}

/* Whether it stands in the ready queue. */
static bool is_ready(const SrTask *t) {
  return t->future.state == SR_READY || t->future.state == SR_NEW;
}

/* Returns the coroutine that holds it. */
static lua_State *close_inner(lua_State *L, SrCoroutine *c) {
  c->task = NULL;
  c->is_dead = true;
  sr_close_thread(c->co, L);
  return c->resumer;
}

/* Takes the coroutine and the handle: they are never collected. */
static int l_keep(lua_State *L) {
  lua_rawset(L, LUA_REGISTRYINDEX);
  return 0;
}

/*
** The waiter of a lost task may stand in a ring that lives longer than the task, and cannot leave it, so its memory must
** not go, nor that of its coroutine, which what it waited for may know. That happens only where somebody closes coroutines
** that are not his. False: no memory. [-0, +0, -]
*/
static bool keep(lua_State *L, SrTask *t) {
  t->waiter.kind = &sr_lost_kind;
  lua_pushthread(t->co);
  lua_xmove(t->co, L, 1);
  sr_push_task(L, t);
  return sr_protected(L, l_keep, 2, 0);
}

/* Takes a lost task out of the list of those. */
static void unlist(SrTask *t) {
  SrTask *at = t->rt->ready.lost;
  if (at == t) {
    t->rt->ready.lost = (SrTask *)t->object;
    return;
  }
  while (at->object != t) at = (SrTask *)at->object;
  at->object = t->object;
}

/* Stops the wait of a task that is to be closed by force. */
static void stop_wait(lua_State *L, SrTask *t, bool is_closed) {
  if (t->future.state == SR_LOST) {
    unlist(t);
    keep(L, t);
  } else if (t->future.state == SR_PARKED) {
    if (sr_is_lost(t))
      keep(L, t);
    else
      sr_give_up(t);
  } else if (!is_closed && t->future.outcome == SR_WOKEN && t->waiter.kind->undo != NULL) {
    lua_pushlightuserdata(L, t);
    sr_protected(L, l_undo, 1, 0);
  }
}

void sr_kill(lua_State *L, SrTask *t) {
  lua_State *co = t->co;
  SrCoroutine *inner = t->inner;
  bool is_closed = sr_is_closed(t), has_begun = co != NULL;
  stop_wait(L, t, is_closed);
  if (is_ready(t)) sr_unready(t->rt, t);
  t->future.state = SR_RUNNING;
  if (sr_block_close_all(L, t)) lua_pop(L, 1);
  t->co = NULL;
  t->inner = NULL;
  for (; inner != NULL; inner = inner->outer) co = close_inner(L, inner);
  if (co != NULL) sr_close_thread(co, L);
  lua_pushnil(L);
  sr_finish_task(L, t, has_begun && is_closed ? sr_l_end_closed : l_end_killed);
}

void sr_end_lost(lua_State *L, SrRuntime *rt) {
  SrTask *t;
  while ((t = rt->ready.lost) != NULL && keep(L, t)) sr_kill(L, t);
}
