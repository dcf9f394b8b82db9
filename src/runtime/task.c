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
  sr_ready(rt, t);
  return t;
}

/* --- end -------------------------------------------------------------------- */

static SrStatus failure_status(lua_State *L, const SrTask *t, int error) {
  uint64_t serial;
  return t->scope.cause != NULL && sr_is_own_cancel(L, error, t, &serial) ? SR_CANCELLED : SR_FAILED;
}

/* The handle is at index 1; the results, or the error, are the values from `first` on. */
static void end_task(lua_State *L, SrTask *t, int first, bool ok) {
  SrRuntime *rt = t->rt;
  SrScope *parent = t->scope.parent;
  uint32_t index = t->future.count;
  SrStatus status = ok ? SR_DONE : failure_status(L, t, first);
  sr_debug_end(L, t, status);
  sr_settle(L, &t->future, 1, first, status);
  t->future.state = SR_ENDED;
  if (t->scope.cancelled) {
    lua_pushnil(L);
    sr_vault_set(L, &t->scope.cancelled);
  }
  lua_pushnil(L);
  lua_rawseti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)t->slot);
  sr_slots_give(&rt->live, t->slot);
  sr_scope_exit(&t->scope);
  if (t == rt->main_task) rt->main_task = NULL;
  if (t->future.has_callbacks) sr_call_back(L, t);
  if (parent->kind != SR_SCOPE_RUN) {
    SrBlock *owner = (SrBlock *)(void *)parent;
    owner->ops->child_ended(owner, L, t, index);
  }
}

static int k_body(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  SrTask *t = (SrTask *)lua_touserdata(L, BODY_TASK);
  bool ok = status == LUA_OK || status == LUA_YIELD;
  luaL_checkstack(L, LUA_MINSTACK, "too many results");
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

static SrIdle new_coroutine(lua_State *L, SrRuntime *rt) {
  SrIdle idle;
  if (!sr_slots_peek(&rt->threads, &idle.thread)) luaL_error(L, "not enough memory");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_threads_key);
  idle.co = lua_newthread(L);
  lua_rawseti(L, -2, (lua_Integer)idle.thread);
  lua_pop(L, 1);
  sr_slots_commit(&rt->threads);
  return idle;
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

/* Gives a new task its coroutine, with all that sr_l_body takes on its stack; returns how much that is. */
static int attach(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  int nargs = t->budget;
  t->budget = SR_BUDGET;
  SrIdle idle = rt->idle_count > 0 ? rt->idle[--rt->idle_count] : new_coroutine(L, rt);
  lua_State *co = t->co = idle.co;
  t->thread = idle.thread;
  if (nargs > LUA_MINSTACK / 2 && !lua_checkstack(co, nargs + LUA_MINSTACK)) luaL_error(L, "not enough memory");
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

/*
** The body itself failed, for want of memory: the task fails with what is on top of its coroutine. If not
** even its end was told to who waits for it, the run cannot go on: it fails as a whole.
*/
static void crash(lua_State *L, SrTask *t) {
  lua_State *co = t->co;
  SrRuntime *rt = t->rt;
  uint32_t thread = t->thread;
  int top = lua_gettop(L);
  lua_xmove(co, L, 1);
  if (t->future.status != SR_PENDING) lua_error(L);
  t->co = NULL;
  sr_push_task(L, t);
  lua_insert(L, 1);
  if (sr_block_close_all(L, t)) lua_pop(L, 1);
  end_task(L, t, lua_gettop(L), false);
  lua_remove(L, 1);
  lua_settop(L, top);
  drop_coroutine(L, rt, thread);
}

/* Raises in a task that called coroutine.yield: it cannot be resumed by anybody. */
static void on_stray_yield(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "attempt to yield a task (coroutine.yield works inside a coroutine of your own; a task gives way by "
                "async.sleep(0))");
}

static const SrKind stray_kind = {"its turn", NULL, NULL, false, NULL, NULL};

static void refuse_yield(lua_State *L, SrTask *t, int count) {
  lua_pop(t->co, count);
  lua_sethook(t->co, on_stray_yield, LUA_MASKCOUNT, 1);
  sr_ready(t->rt, t);
  t->future.state = SR_READY;
  t->future.outcome = SR_WOKEN;
  t->waiter.kind = &stray_kind;
  (void)L;
}

void sr_step(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  int count = t->future.state == SR_NEW ? attach(L, t) : 0;
  SrIdle idle = {t->co, t->thread};
  int64_t started = rt->debug ? sr_debug_start(L, t) : 0;
  t->future.state = SR_RUNNING;
  rt->current = t;
  int status = lua_resume(idle.co, L, count, &count);
  rt->current = NULL;
  if (started != 0) sr_debug_stop(L, idle.co, t, started);
  if (status == LUA_YIELD) {
    if (t->future.state == SR_RUNNING) refuse_yield(L, t, count);
  } else if (status == LUA_OK) {
    if (lua_gethook(idle.co) == on_stray_yield) lua_sethook(idle.co, NULL, 0, 0);
    release_coroutine(L, rt, idle);
  } else
    crash(L, t);
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

void sr_kill(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  lua_State *co = t->co;
  uint32_t thread = t->thread;
  if (t->future.state == SR_PARKED)
    sr_give_up(t);
  else if (t->co != NULL && t->future.outcome == SR_WOKEN && t->waiter.kind->undo != NULL)
    t->waiter.kind->undo(L, t);
  sr_unready(rt, t);
  sr_push_task(L, t);
  lua_insert(L, 1);
  int top = lua_gettop(L);
  if (sr_block_close_all(L, t)) lua_pop(L, 1);
  t->future.state = SR_RUNNING;
  t->co = NULL;
  if (co != NULL) close_coroutine(co, L);
  if (t->future.state != SR_ENDED) {
    sr_push_name(L, t);
    sr_push_place(L, &t->scope);
    lua_pushfstring(L, "task '%s' (spawned at %s) did not end when it was cancelled and was closed by force",
                    lua_tostring(L, -2), lua_tostring(L, -1));
    end_task(L, t, lua_gettop(L), false);
  }
  lua_settop(L, top);
  lua_remove(L, 1);
  if (co != NULL) drop_coroutine(L, rt, thread);
}

void sr_free_threads(lua_State *L, SrRuntime *rt) {
  rt->idle_count = 0;
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_threads_key);
  sr_slots_free(&rt->threads);
}
