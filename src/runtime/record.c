/* SPDX-License-Identifier: MIT */
/* A record of the steps of tasks. See record.h. */
#include "runtime/record.h"

#include "runtime/clock.h"
#include "runtime/error.h"
#include "runtime/handle.h"
#include "runtime/place.h"
#include "runtime/stack.h"

/* The anchor keeps, under the address of `is_recording`, the function that is told. */
static void push_recorder(lua_State *L, SrRuntime *rt) {
  sr_anchor_get(L, &rt->debug.is_recording);
}

static void set_recording(SrRuntime *rt, bool is_recording) {
  rt->debug.is_recording = is_recording;
  rt->debug.is_watching = rt->debug.is_on || is_recording;
}

static void push_seconds(lua_State *L, int64_t nanoseconds) {
  lua_pushnumber(L, (lua_Number)nanoseconds / 1e9);
}

static uint32_t owner_of(const SrTask *t) {
  const SrScope *scope = t->scope.parent;
  while (scope != NULL && scope->kind != SR_SCOPE_TASK) scope = scope->parent;
  return scope != NULL ? SR_CONTAINER(scope, SrTask, scope)->id : 0;
}

void sr_record_start(SrTask *t) {
  t->rt->debug.began = sr_clock_now(&t->rt->clock);
  t->rt->debug.owner = owner_of(t);
}

/* Tells of the step of the task at 1, which is over since `ended`. */
static int l_tell(lua_State *L) {
  SrTask *t = sr_test_task(L, 1);
  SrRuntime *rt = t->rt;
  int64_t ended = sr_clock_now(&rt->clock);
  push_recorder(L, rt);
  if (lua_isnil(L, -1)) return set_recording(rt, false), 0; /* that was another run's */
  lua_pushvalue(L, 1);
  lua_pushinteger(L, (lua_Integer)t->id);
  lua_pushinteger(L, (lua_Integer)rt->debug.owner);
  push_seconds(L, rt->debug.began);
  push_seconds(L, ended);
  if (t->future.state == SR_PARKED) {
    sr_push_waits_for(L, t);
    sr_push_where(L, t);
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
  lua_call(L, 7, 0);
  return 0;
}

void sr_record_step(lua_State *L, int index) {
  lua_pushvalue(L, index);
  sr_protected(L, l_tell, 1, 0);
}

int sr_l_record(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  lua_settop(L, 1);
  set_recording(rt, !lua_isnil(L, 1));
  sr_anchor_set(L, &rt->debug.is_recording);
  return 0;
}

int sr_l_spawned_at(lua_State *L) {
  if (sr_test_task(L, 1) == NULL) return sr_type_error(L, "spawned_at", 1, 1, "task");
  sr_push_place_of(L, 1);
  return 1;
}
