/* SPDX-License-Identifier: MIT */
/* What saros.testing is made of. See testing.h. */
#include "runtime/testing.h"

#include "runtime/handle.h"
#include "runtime/loop.h"
#include "runtime/object.h"
#include "runtime/place.h"
#include "runtime/tree.h"
#include "runtime/wait.h"

/* --- settle ----------------------------------------------------------------- */

static bool abort_settle(SrTask *t) {
  sr_ring_remove(&t->rt->testing.settlers, &t->waiter);
  return true;
}

static const SrKind settle_kind = {.name = "all other tasks to wait", .abort = abort_settle, .lasts = true};

/* testing.settle(): waits until every other task waits; the clock stands still. */
int sr_l_settle(lua_State *L) {
  SrTask *t = sr_check_wait(L, "testing.settle");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  sr_ring_append(&t->rt->testing.settlers, &t->waiter);
  return sr_park(L, t, &settle_kind, NULL, sr_k_nothing);
}

/* --- limit and order ---------------------------------------------------------- */

int sr_l_test_limit(lua_State *L) {
  double seconds = sr_check_deadline(L, "test_limit", 1, 1);
  sr_rt(L)->testing.limit = seconds < 1e9 ? (int64_t)(seconds * 1e9) : 0;
  return 0;
}

/*
** schedule(fn [, late]): fn(tasks), given those that are ready, returns the index of the one to run next; nil: in order.
** Children that have not begun are made tasks for that; `late`: those of a starter stand there as one `false`, the next
** of them, as does each other task that nobody knows.
*/
int sr_l_schedule(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) sr_check_function(L, "schedule", 1, 1);
  sr_rt(L)->testing.begins_late = lua_toboolean(L, 2);
  lua_settop(L, 1);
  sr_rt(L)->testing.is_scheduled = !lua_isnil(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_scheduler_key);
  return 0;
}

/* --- what a test left over -------------------------------------------------- */

/* Adds the line on top to the text below it. */
static void add_line(lua_State *L, const char *kind) {
  lua_pushfstring(L, "\n\t%s %s", kind, lua_tostring(L, -1));
  lua_replace(L, -2);
  sr_add_text(L, "");
}

/* Adds the tasks of the list at `all` to the text on top. */
static void add_left_tasks(lua_State *L, int all, lua_Integer count) {
  for (lua_Integer i = 1; i <= count && i <= SR_MAX_NAMED; i++) {
    lua_rawgeti(L, all, i);
    SrTask *t = (SrTask *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    sr_push_task_line(L, t);
    add_line(L, "task");
  }
  sr_add_rest(L, "\n\t", count);
}

/*
** Pushes an array of copies of the resources that have a name; returns how many those are. Finalizers may close
** them while the report is written, and what they open while room is made is not listed. [-0, +1, m]
*/
static size_t push_opened(lua_State *L, const SrRuntime *rt, saros_resource **list) {
  size_t room = 0, count = 0;
  for (const saros_resource *resource = rt->resources; resource != NULL; resource = resource->next) room++;
  *list = (saros_resource *)lua_newuserdatauv(L, (room + 1) * sizeof **list, 0);
  for (const saros_resource *resource = rt->resources; resource != NULL && count < room; resource = resource->next)
    if (resource->name != NULL) (*list)[count++] = *resource;
  return count;
}

/* Adds the resources that are open to the text on top; returns whether there are any. */
static bool add_left_handles(lua_State *L, const SrRuntime *rt) {
  saros_resource *list;
  size_t count = push_opened(L, rt, &list);
  lua_insert(L, -2);
  for (size_t i = 0; i < count && i < SR_MAX_NAMED; i++) {
    sr_push_resource_place(L, &list[i]);
    lua_pushfstring(L, "%s opened at %s", list[i].name, lua_tostring(L, -1));
    lua_replace(L, -2);
    add_line(L, "handle");
  }
  sr_add_rest(L, "\n\t", (lua_Integer)count);
  lua_remove(L, -2);
  return count > 0;
}

void sr_push_leftovers(lua_State *L, SrRuntime *rt) {
  int top = lua_gettop(L);
  sr_push_all_tasks(L, rt);
  lua_pushliteral(L, "testing.run: left over at the end of the test:");
  lua_Integer count = (lua_Integer)lua_rawlen(L, top + 1);
  add_left_tasks(L, top + 1, count);
  if (count == 0) sr_loop_linger(rt);
  bool any = add_left_handles(L, rt) || count > 0;
  if (count == 0 && rt->clock.count > 0) {
    any = true;
    lua_pushfstring(L, "%d still set", (int)rt->clock.count);
    add_line(L, "timer:");
  }
  if (!any) lua_pushnil(L);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}
