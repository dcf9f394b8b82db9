/* SPDX-License-Identifier: MIT */
/* What becomes of a run in which nothing can happen any more, see deadlock.h. */
#include "runtime/deadlock.h"

#include "runtime/clock.h"
#include "runtime/force.h"
#include "runtime/park.h"
#include "runtime/tree.h"

void sr_kill_all_but(lua_State *L, SrRuntime *rt, const SrTask *spared) {
  bool again = true;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  int live = lua_gettop(L);
  while (again) {
    again = false;
    for (uint32_t slot = 1; slot <= rt->live.top; slot++) {
      lua_rawgeti(L, live, (lua_Integer)slot);
      SrTask *t = (SrTask *)lua_touserdata(L, -1);
      lua_settop(L, live);
      if (t == NULL || t == spared || t->future.state == SR_ENDED) continue;
      sr_kill(L, t);
      again = true;
    }
  }
  lua_pop(L, 1);
}

/* Leaves the DeadlockError for main; the TimeoutError with an argument. */
static int l_note_deadlock(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  if (lua_toboolean(L, 1))
    sr_push_overtime(L, rt);
  else
    sr_push_deadlock(L, rt);
  sr_anchor_set(L, &rt->main_task->object);
  return 0;
}

/* Whether nothing can ever happen again. */
static bool is_stuck(const SrRuntime *rt) {
  return rt->ready.count == 0 && sr_clock_next(&rt->clock) == INT64_MAX && !uv_loop_alive(rt->loop.uv);
}

/* Tells main that nothing can ever happen again, unless a finalizer has woken somebody while that was written. */
static void tell_main(lua_State *L, SrRuntime *rt) {
  sr_protected(L, l_note_deadlock, 0, 0);
  if (is_stuck(rt)) {
    sr_abort(rt->main_task, SR_BY_DEADLOCK);
    return;
  }
  lua_pushnil(L);
  sr_anchor_set(L, &rt->main_task->object);
}

/* Ends the tasks whose coroutines were closed from outside. Whether there are any. */
static bool end_closed(lua_State *L, SrRuntime *rt) {
  bool any = false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  int live = lua_gettop(L);
  for (uint32_t slot = 1; slot <= rt->live.top; slot++) {
    lua_rawgeti(L, live, (lua_Integer)slot);
    SrTask *t = (SrTask *)lua_touserdata(L, -1);
    lua_settop(L, live);
    if (t == NULL || t->future.state != SR_PARKED || !sr_is_closed(t)) continue;
    sr_kill(L, t);
    any = true;
  }
  lua_pop(L, 1);
  return any;
}

void sr_deadlock(lua_State *L, SrRuntime *rt) {
  SrTask *main_task = rt->main_task;
  if (end_closed(L, rt)) return;
  if (main_task != NULL && main_task->future.outcome == SR_WOKEN) {
    tell_main(L, rt);
    return;
  }
  sr_kill_all_but(L, rt, main_task);
  if (rt->ready.count == 0 && rt->main_task != NULL) sr_kill(L, main_task);
}

void sr_deadlock_check_limit(lua_State *L, SrRuntime *rt) {
  SrTask *t = rt->main_task;
  int64_t now = (int64_t)uv_hrtime();
  if (now < rt->testing.overdue || t->future.state == SR_NEW || t->future.outcome != SR_WOKEN) return;
  rt->testing.overdue = now + rt->testing.limit; /* it may go on and wait again */
  lua_pushboolean(L, true);
  sr_protected(L, l_note_deadlock, 1, 0);
  if (t->future.state == SR_PARKED)
    sr_abort(t, SR_BY_DEADLOCK);
  else
    t->future.outcome = SR_BY_DEADLOCK;
}
