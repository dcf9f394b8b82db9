/* SPDX-License-Identifier: MIT */
/* Tasks: spawn, step, end. The only lua_resume. See task.h. */
#include "runtime/task.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/runtime.h"
#include "runtime/trace.h"

/* The frame of sr_l_body. After the call the results, or the error, start where the function was. */
enum { BODY_TASK = 1, BODY_HANDLER, BODY_FUNCTION, BODY_RESULTS = BODY_FUNCTION };

/* --- spawn ------------------------------------------------------------------ */

int sr_check_args(lua_State *L, const char *function, int first) {
  int count = lua_gettop(L) - first;
  if (count > SR_MAX_ARGS) sr_arg_error(L, function, SR_MAX_ARGS + 2, "too many arguments");
  return count;
}

SrTask *sr_spawn(lua_State *L, SrRuntime *rt, SrScope *parent, int first, int nargs) {
  uint32_t slot;
  SrTask *t = (SrTask *)lua_newuserdatauv(L, sizeof(SrTask), nargs + 1);
  memset(t, 0, sizeof *t);
  t->future.head.cls = &sr_task_class;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_TASK_META));
  lua_setmetatable(L, -2);
  for (int i = 0; i <= nargs; i++) {
    lua_pushvalue(L, first + i);
    lua_setiuservalue(L, -2, i + 1);
  }
  if (!sr_slots_peek(&rt->live, &slot)) luaL_error(L, "not enough memory");
  lua_pushvalue(L, -1);
  lua_rawseti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)slot);
  sr_slots_commit(&rt->live); /* from here on nothing can fail */
  t->rt = rt;
  t->slot = slot;
  t->id = ++rt->last_id;
  t->budget = (uint16_t)nargs;
  t->current = &t->scope;
  if (parent->kind == SR_SCOPE_JOIN) {
    t->scope.source = parent->source;
    t->scope.line = parent->line;
  } else
    sr_place(L, rt, &t->scope);
  sr_scope_enter(&t->scope, parent, SR_SCOPE_TASK);
  if (parent->kind != SR_SCOPE_RUN) ((SrBlock *)(void *)parent)->running++;
  sr_ready(rt, t);
  return t;
}

/* --- end -------------------------------------------------------------------- */

static SrStatus failure_status(lua_State *L, const SrTask *t, int error) {
  uint64_t serial;
  return t->scope.cause != NULL && sr_is_own_cancel(L, error, t, &serial) ? SR_CANCELLED : SR_FAILED;
}

/*
** The end of a task has three parts: what it leaves is kept, which may fail for want of memory; then it
** ends, which cannot; then its block hears of it, which may fail, and hears just that in this case.
*/

/* Its outcome is kept. The table of live tasks is on top. [-1, +0, -] */
static void settle_task(lua_State *L, SrTask *t, SrStatus status) {
  SrRuntime *rt = t->rt;
  SrScope *parent = t->scope.parent;
  t->future.state = SR_ENDED;
  sr_settle(L, &t->future, status);
  if (t->future.has_callbacks) sr_call_back(L, t);
  if (t->scope.cancelled) {
    lua_pushnil(L);
    sr_vault_set(L, &t->scope.cancelled);
  }
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)t->slot);
  lua_pop(L, 1);
  sr_slots_give(&rt->live, t->slot);
  sr_scope_exit(&t->scope);
  if (t == rt->main_task) rt->main_task = NULL;
  t->object = NULL;
  if (parent->kind != SR_SCOPE_RUN) {
    ((SrBlock *)(void *)parent)->running--;
    t->object = parent;
  }
}

/* The handle is at index 1; the results, or the error, are the values from `first` on. [-0, +0, m] */
static void end_task(lua_State *L, SrTask *t, int first, bool ok) {
  uint32_t index = t->future.count;
  SrStatus status = ok ? SR_DONE : failure_status(L, t, first);
  sr_debug_end(L, t, status);
  sr_keep_outcome(L, &t->future, 1, first, status);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_LIVE));
  settle_task(L, t, status);
  SrBlock *owner = (SrBlock *)t->object;
  if (owner == NULL) return;
  owner->ops->child_ended(owner, L, t, index);
  t->object = NULL;
}

/* Ends a task whose coroutine is gone: (handle, error). */
static int l_end(lua_State *L) {
  end_task(L, (SrTask *)lua_touserdata(L, 1), 2, false);
  return 0;
}

/* There is no memory even for its error. The handle is on top. [-0, +0, -] */
static void end_bare(lua_State *L, SrTask *t) {
  sr_push_memory_error(L);
  lua_setiuservalue(L, -2, 1);
  t->future.count = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  settle_task(L, t, SR_FAILED);
}

/*
** The end of a task broke off, or has not begun: goes on with it. `end` takes the handle and the error,
** which is on top. [-1, +0, -]
*/
static void finish(lua_State *L, SrTask *t, lua_CFunction end) {
  if (t->future.state != SR_ENDED) {
    if (sr_block_close_all(L, t)) lua_pop(L, 1);
    sr_push_task(L, t);
    lua_pushvalue(L, -1);
    lua_pushvalue(L, -3);
    sr_protected(L, end, 2, 0);
    if (t->future.state != SR_ENDED) end_bare(L, t);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  SrBlock *owner = (SrBlock *)t->object;
  t->object = NULL;
  if (owner != NULL) owner->ops->child_lost(owner);
}

static int k_body(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  SrTask *t = (SrTask *)lua_touserdata(L, BODY_TASK);
  bool ok = status == LUA_OK || status == LUA_YIELD;
  if (!lua_checkstack(L, LUA_MINSTACK)) {
    lua_settop(L, BODY_RESULTS - 1);
    sr_push_memory_error(L);
    ok = false;
  }
  if (t->current != &t->scope && sr_block_close_all(L, t)) {
    if (ok)
      lua_insert(L, BODY_RESULTS);
    else
      sr_debug_forgotten(L);
    lua_settop(L, BODY_RESULTS);
    ok = false;
  }
  end_task(L, t, BODY_RESULTS, ok);
  return 0;
}

/* Runs a task: (handle, handler, function, arguments...). A yieldable protected call, so that __close may wait. */
int sr_l_body(lua_State *L) {
  int nargs = lua_gettop(L) - BODY_FUNCTION;
  return k_body(L, lua_pcallk(L, nargs, LUA_MULTRET, BODY_HANDLER, 0, k_body), 0);
}

/* --- the pool of coroutines ------------------------------------------------- */

/* Fills the SrIdle at its argument. */
static int l_new_coroutine(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  SrIdle *idle = (SrIdle *)lua_touserdata(L, 1);
  if (!sr_slots_peek(&rt->threads, &idle->thread)) luaL_error(L, "not enough memory");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_threads_key);
  lua_State *co = lua_newthread(L);
  lua_rawseti(L, -2, (lua_Integer)idle->thread);
  sr_slots_commit(&rt->threads);
  idle->co = co;
  return 0;
}

static bool new_coroutine(lua_State *L, SrIdle *idle) {
  lua_pushlightuserdata(L, idle);
  return sr_protected(L, l_new_coroutine, 1, 0);
}

/* The collector gets it. An idle coroutine has an empty stack: to others it is a dead one. */
static void drop_coroutine(lua_State *L, SrRuntime *rt, uint32_t thread) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_threads_key);
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)thread);
  lua_pop(L, 1);
  sr_slots_give(&rt->threads, thread);
}

static bool has_room(SrRuntime *rt) {
  if (rt->idle_count < rt->idle_capacity) return true;
  unsigned capacity = rt->idle_capacity == 0 ? 64 : rt->idle_capacity * 2;
  SrIdle *idle = (SrIdle *)realloc(rt->idle, capacity * sizeof *idle);
  if (idle == NULL) return false;
  rt->idle = idle;
  rt->idle_capacity = capacity;
  return true;
}

static void release_coroutine(lua_State *L, SrRuntime *rt, SrIdle idle) {
  if (has_room(rt))
    rt->idle[rt->idle_count++] = idle;
  else
    drop_coroutine(L, rt, idle.thread);
}

void sr_trim_pool(lua_State *L, SrRuntime *rt) {
  unsigned keep = rt->idle_count / 2 > SR_POOL_SIZE ? rt->idle_count / 2 : SR_POOL_SIZE;
  while (rt->idle_count > keep) drop_coroutine(L, rt, rt->idle[--rt->idle_count].thread);
}

static bool take_coroutine(lua_State *L, SrRuntime *rt, SrIdle *idle) {
  if (rt->idle_count == 0) return new_coroutine(L, idle);
  *idle = rt->idle[--rt->idle_count];
  return true;
}

/* Gives a new task its coroutine, with all that sr_l_body takes on its stack; returns how much that is, 0: no memory. */
static int attach(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  SrIdle idle;
  int nargs = t->budget;
  if (!take_coroutine(L, rt, &idle)) return 0;
  lua_State *co = idle.co;
  if (nargs > LUA_MINSTACK / 2 && !lua_checkstack(co, nargs + LUA_MINSTACK)) return release_coroutine(L, rt, idle), 0;
  t->co = co;
  t->thread = idle.thread;
  t->budget = SR_BUDGET;
  lua_pushvalue(L, lua_upvalueindex(SR_UP_BODY));
  lua_rawgeti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_xmove(L, co, 3);
  lua_getiuservalue(co, 2, 1);
  for (int i = 2; i <= nargs + 1; i++) { /* the handle must not keep its arguments alive */
    lua_getiuservalue(co, 2, i);
    lua_pushnil(co);
    lua_setiuservalue(co, 2, i);
  }
  return BODY_FUNCTION + nargs;
}

/* --- step ------------------------------------------------------------------- */

/* The body itself failed, for want of memory: the task fails with what is on top of its coroutine. */
static void crash(lua_State *L, SrTask *t, SrIdle idle) {
  t->co = NULL;
  lua_xmove(idle.co, L, 1);
  finish(L, t, l_end);
  drop_coroutine(L, t->rt, idle.thread);
}

/* It cannot even begin. */
static void fail_to_start(lua_State *L, SrTask *t) {
  sr_push_memory_error(L);
  finish(L, t, l_end);
}

/* Raises in a task that called coroutine.yield: it cannot be resumed by anybody. */
static void on_stray_yield(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "attempt to yield a task (coroutine.yield works inside a coroutine of your own; a task gives way by "
                "async.sleep(0))");
}

static const SrKind stray_kind = {"its turn", NULL, NULL, false, NULL, NULL};

static void refuse_yield(SrTask *t, int count) {
  lua_pop(t->co, count);
  lua_sethook(t->co, on_stray_yield, LUA_MASKCOUNT, 1);
  sr_ready(t->rt, t);
  t->future.state = SR_READY;
  t->future.outcome = SR_WOKEN;
  t->waiter.kind = &stray_kind;
}

void sr_step(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  int count = 0;
  if (t->future.state == SR_NEW && (count = attach(L, t)) == 0) {
    fail_to_start(L, t);
    return;
  }
  SrIdle idle = {t->co, t->thread};
  int64_t started = rt->debug ? sr_debug_start(L, t) : 0;
  t->future.state = SR_RUNNING;
  rt->current = t;
  int status = lua_resume(idle.co, L, count, &count);
  rt->current = NULL;
  if (started != 0) sr_debug_stop(L, idle.co, t, started);
  if (status == LUA_YIELD) {
    if (t->future.state == SR_RUNNING) refuse_yield(t, count);
  } else if (status == LUA_OK) {
    if (lua_gethook(idle.co) == on_stray_yield) lua_sethook(idle.co, NULL, 0, 0);
    release_coroutine(L, rt, idle);
  } else
    crash(L, t, idle);
}

/* --- by force --------------------------------------------------------------- */

static int close_coroutine(lua_State *co, lua_State *from) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

void sr_unready(SrRuntime *rt, SrTask *t) {
  SrWaiter **link = &rt->ready, *before = NULL;
  while (*link != NULL && *link != &t->waiter) {
    before = *link;
    link = &(*link)->next;
  }
  if (*link == NULL) return;
  *link = t->waiter.next;
  if (rt->newest == &t->waiter) rt->newest = before;
  rt->ready_count--;
}

static int l_undo(lua_State *L) {
  SrTask *t = (SrTask *)lua_touserdata(L, 1);
  lua_settop(L, 0);
  t->waiter.kind->undo(L, t);
  return 0;
}

/* Ends a task that was closed by force: (handle, nil). */
static int l_end_killed(lua_State *L) {
  SrTask *t = (SrTask *)lua_touserdata(L, 1);
  sr_push_name(L, t);
  sr_push_place(L, &t->scope);
  lua_pushfstring(L, "task '%s' (spawned at %s) did not end when it was cancelled and was closed by force",
                  lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, 2);
  lua_settop(L, 2);
  return l_end(L);
}

void sr_kill(lua_State *L, SrTask *t) {
  lua_State *co = t->co;
  if (t->future.state == SR_PARKED)
    sr_give_up(t);
  else if (co != NULL && t->future.outcome == SR_WOKEN && t->waiter.kind->undo != NULL) {
    lua_pushlightuserdata(L, t);
    sr_protected(L, l_undo, 1, 0);
  }
  sr_unready(t->rt, t);
  if (sr_block_close_all(L, t)) lua_pop(L, 1);
  t->future.state = SR_RUNNING;
  t->co = NULL;
  if (co != NULL) close_coroutine(co, L);
  lua_pushnil(L);
  finish(L, t, l_end_killed);
  if (co != NULL) drop_coroutine(L, t->rt, t->thread);
}
