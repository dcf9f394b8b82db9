/* SPDX-License-Identifier: MIT */
/* Handles of tasks and futures. See handle.h. */
#include "runtime/handle.h"

#include <stdarg.h>
#include <stdlib.h>

#include "runtime/park.h"

const SrClass sr_task_class = {.name = "task"};
const SrClass sr_future_class = {.name = "future"};

void sr_push_task(lua_State *L, SrTask *t) {
  t->is_unseen = false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  lua_rawgeti(L, -1, (lua_Integer)t->slot);
  lua_replace(L, -2);
}

static int compare_ids(const void *a, const void *b) {
  uint32_t left = (*(SrTask *const *)a)->id, right = (*(SrTask *const *)b)->id;
  return left < right ? -1 : left > right;
}

/* Making room runs finalizers, and what those start is not listed. After that no finalizer runs. */
void sr_push_all_tasks(lua_State *L, SrRuntime *rt) {
  rt->ready.begin_all(L, rt);
  uint32_t room = rt->live.top, expected = room - rt->live.count, count = 0;
  SrTask **tasks = (SrTask **)lua_newuserdatauv(L, (room + 1) * sizeof *tasks, 0);
  lua_createtable(L, (int)expected, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_live_key);
  for (uint32_t slot = 1; slot <= room && slot <= rt->live.top; slot++) {
    SrTask *t = lua_rawgeti(L, -1, (lua_Integer)slot) == LUA_TUSERDATA ? (SrTask *)lua_touserdata(L, -1) : NULL;
    if (t != NULL && t->future.state != SR_ENDED) tasks[count++] = t;
    lua_pop(L, 1);
  }
  qsort(tasks, count, sizeof *tasks, compare_ids);
  for (uint32_t i = 0; i < count; i++) {
    tasks[i]->is_unseen = false;
    lua_rawgeti(L, -1, (lua_Integer)tasks[i]->slot);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
  }
  lua_pop(L, 1);
  lua_replace(L, -2);
}

/* Names are kept by handle. A task that has ended is only found by those that hold its handle: they pass it. */
void sr_push_name_of(lua_State *L, int index) {
  SrTask *t = (SrTask *)lua_touserdata(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_names_key);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_replace(L, -2);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "task-%I", (LUAI_UACINT)t->id);
}

void sr_push_name(lua_State *L, SrTask *t) {
  if (t->future.state == SR_ENDED) {
    lua_pushfstring(L, "task-%I", (LUAI_UACINT)t->id);
    return;
  }
  sr_push_task(L, t);
  sr_push_name_of(L, lua_gettop(L));
  lua_replace(L, -2);
}

void sr_set_name(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_names_key);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
}

void sr_push_waits_for(lua_State *L, SrTask *t) {
  const SrKind *kind = t->waiter.kind;
  SrTask *target = kind->ended != NULL ? (SrTask *)t->object : NULL;
  if (sr_is_lost(t))
    lua_pushliteral(L, "nothing any more (its coroutine was closed by coroutine.close)");
  else if (target == NULL)
    lua_pushstring(L, kind->name_of != NULL ? kind->name_of(t) : kind->name);
  else if (target->future.head.cls == &sr_task_class) {
    sr_push_name(L, target);
    lua_pushfstring(L, "%s '%s'", kind->name, lua_tostring(L, -1));
    lua_remove(L, -2);
  } else
    lua_pushliteral(L, "future");
}

lua_Integer sr_count_waiting(const SrWaiter *first) {
  lua_Integer count = first != NULL;
  for (const SrWaiter *at = first; at != NULL && at->next != first; at = at->next) count++;
  return count;
}

int sr_describe(lua_State *L, const SrObject *object, const SrWaiter *first, const char *format, ...) {
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_pushfstring(L, "%s (%s, %I waiting)", object->cls->name, lua_tostring(L, -1),
                  (LUAI_UACINT)sr_count_waiting(first));
  return 1;
}
