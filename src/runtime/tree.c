/* SPDX-License-Identifier: MIT */
/* The tree of tasks, and the report of a deadlock. */
#include "runtime/tree.h"

#include <stdio.h>

#include "runtime/cycle.h"
#include "runtime/error.h"
#include "runtime/handle.h"
#include "runtime/place.h"
#include "runtime/stack.h"

/* --- tree ------------------------------------------------------------------- */

static const char *state_name(const SrTask *t) {
  switch (t->future.state) {
  case SR_NEW: return "not started";
  case SR_READY: return "ready";
  case SR_RUNNING: return "running";
  case SR_PARKED: return "waiting";
  case SR_LOST: return "closed";
  default: return "ended";
  }
}

void sr_push_task_line(lua_State *L, SrTask *t) {
  int top = lua_gettop(L);
  sr_push_name(L, t);
  lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), state_name(t));
  if (t->future.state == SR_PARKED) {
    sr_push_waits_for(L, t);
    lua_pushfstring(L, "%s for %s", lua_tostring(L, -2), lua_tostring(L, -1));
  }
  if (t->co != NULL && t->future.state != SR_ENDED) {
    sr_push_where(L, t);
    sr_push_resumers(L, t);
    lua_pushfstring(L, "%s at %s%s", lua_tostring(L, -3), lua_tostring(L, -2), lua_tostring(L, -1));
  }
  sr_push_place(L, &t->scope);
  lua_pushfstring(L, "%s%s (spawned at %s)", lua_tostring(L, -2), t->scope.cause != NULL ? ", cancelled" : "",
                  lua_tostring(L, -1));
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

/* The scope after `at` in a walk of the tree below `root`, parents first; keeps count of the tasks around it. */
static const SrScope *next_scope(const SrScope *root, const SrScope *at, int *depth) {
  if (at->children != NULL) {
    *depth += at->kind == SR_SCOPE_TASK;
    return at->children;
  }
  for (; at != root; at = at->parent) {
    if (at->next != at->parent->children) return at->next;
    *depth -= at->parent->kind == SR_SCOPE_TASK;
  }
  return NULL;
}

/* Tasks that stand further inside are indented no more than this; their depth is told in front. */
enum { MAX_INDENT = 50 };

static void add_indent(luaL_Buffer *buffer, int depth) {
  char text[32];
  for (int i = 0; i < depth && i < MAX_INDENT; i++) luaL_addstring(buffer, "  ");
  if (depth <= MAX_INDENT) return;
  snprintf(text, sizeof text, "(depth %d) ", depth);
  luaL_addstring(buffer, text);
}

/* A task, and how many others are around it. */
typedef struct Leaf {
  SrTask *task;
  int depth;
} Leaf;

/*
** Pushes an array of all tasks, parents first, and a list that anchors them; returns how many. Describing them runs
** finalizers, which change the tree, so it is walked before. Blocks do not count. [-0, +2, m]
*/
static size_t push_leaves(lua_State *L, SrRuntime *rt, Leaf **leaves) {
  rt->ready.begin_all(L, rt);
  size_t room = rt->live.top, count = 0;
  int depth = 0;
  *leaves = (Leaf *)lua_newuserdatauv(L, (room + 1) * sizeof **leaves, 0);
  lua_newtable(L);
  for (const SrScope *at = &rt->root; at != NULL && count < room; at = next_scope(&rt->root, at, &depth)) {
    if (at->kind != SR_SCOPE_TASK) continue;
    (*leaves)[count++] = (Leaf){SR_CONTAINER(at, SrTask, scope), depth};
    sr_push_task(L, (*leaves)[count - 1].task);
    lua_rawseti(L, -2, (lua_Integer)count);
  }
  return count;
}

/* Adds the lines of all tasks to the list on top. */
static void add_lines(lua_State *L, SrRuntime *rt) {
  int lines = lua_gettop(L);
  Leaf *leaves;
  size_t count = push_leaves(L, rt, &leaves);
  int top = lua_gettop(L);
  for (size_t i = 0; i < count; i++) {
    luaL_Buffer buffer;
    sr_push_task_line(L, leaves[i].task);
    luaL_buffinit(L, &buffer);
    add_indent(&buffer, leaves[i].depth);
    lua_pushvalue(L, top + 1);
    luaL_addvalue(&buffer);
    luaL_pushresult(&buffer);
    lua_rawseti(L, lines, (lua_Integer)i + 1);
    lua_settop(L, top);
  }
  lua_settop(L, lines);
}

/* tree(): a printable tree of all tasks, "" outside a run. */
int sr_l_tree(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  lua_newtable(L);
  int lines = lua_gettop(L);
  if (rt->is_running) add_lines(L, rt);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  lua_Integer count = (lua_Integer)lua_rawlen(L, lines);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, lines, i);
    luaL_addvalue(&buffer);
    if (i < count) luaL_addchar(&buffer, '\n');
  }
  luaL_pushresult(&buffer);
  return 1;
}

/* Pushes what `tree_rows` says of a task. [-0, +1, m] */
static void push_row(lua_State *L, SrTask *t, int depth) {
  lua_createtable(L, 0, 7);
  lua_pushinteger(L, depth);
  lua_setfield(L, -2, "depth");
  sr_push_name(L, t);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, state_name(t));
  lua_setfield(L, -2, "state");
  if (t->future.state == SR_PARKED) {
    sr_push_waits_for(L, t);
    lua_setfield(L, -2, "waits_for");
  }
  if (t->co != NULL && t->future.state != SR_ENDED) {
    sr_push_where(L, t);
    lua_setfield(L, -2, "where");
  }
  sr_push_place(L, &t->scope);
  lua_setfield(L, -2, "place");
  lua_pushboolean(L, t->scope.cause != NULL);
  lua_setfield(L, -2, "is_cancelled");
}

int sr_l_tree_rows(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  lua_settop(L, 0);
  lua_newtable(L);
  if (!rt->is_running) return 1;
  Leaf *leaves;
  size_t count = push_leaves(L, rt, &leaves);
  for (size_t i = 0; i < count; i++) {
    push_row(L, leaves[i].task, leaves[i].depth);
    lua_rawseti(L, 1, (lua_Integer)i + 1);
  }
  lua_settop(L, 1);
  return 1;
}

/* --- deadlock --------------------------------------------------------------- */

void sr_push_waiting(lua_State *L, SrTask *t, const char *what) {
  lua_createtable(L, 0, 3);
  sr_push_name(L, t);
  lua_setfield(L, -2, "name");
  sr_push_where(L, t);
  lua_setfield(L, -2, "where");
  lua_pushstring(L, what);
  lua_setfield(L, -2, "waits_for");
}

void sr_add_text(lua_State *L, const char *separator) {
  lua_pushfstring(L, "%s%s%s", lua_tostring(L, -2), separator, lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_add_rest(lua_State *L, const char *separator, lua_Integer count) {
  if (count <= SR_MAX_NAMED) return;
  lua_pushfstring(L, "... and %I more", (LUAI_UACINT)(count - SR_MAX_NAMED));
  sr_add_text(L, separator);
}

/* The text on top says what the task waits for: adds it to the list below that, and to the text below the list. */
static void add_waiting(lua_State *L, SrTask *t, lua_Integer number) {
  int what = lua_gettop(L), list = what - 1, text = what - 2;
  sr_push_waiting(L, t, lua_tostring(L, what));
  if (number <= SR_MAX_NAMED) {
    lua_getfield(L, what + 1, "name");
    lua_getfield(L, what + 1, "where");
    lua_pushfstring(L, "%s%s'%s' waits for %s at %s", lua_tostring(L, text), number == 1 ? "" : "; ",
                    lua_tostring(L, -2), lua_tostring(L, what), lua_tostring(L, -1));
    lua_replace(L, text);
  }
  lua_settop(L, what + 1);
  lua_rawseti(L, list, number);
  lua_settop(L, list);
}

static void push_waiting(lua_State *L, SrRuntime *rt, const char *name, const char *code, const char *format) {
  sr_push_all_tasks(L, rt);
  int all = lua_gettop(L);
  lua_pushliteral(L, "");
  lua_newtable(L);
  lua_Integer total = (lua_Integer)lua_rawlen(L, all), waiting = 0;
  for (lua_Integer i = 1; i <= total; i++) {
    lua_rawgeti(L, all, i);
    SrTask *t = sr_test_task(L, -1);
    lua_pop(L, 1);
    if (t->future.state != SR_PARKED && t->future.state != SR_READY) continue;
    sr_push_waits_for(L, t);
    add_waiting(L, t, ++waiting);
  }
  lua_insert(L, -2);
  sr_add_rest(L, "; ", waiting);
  sr_push_error(L, name, code, format, lua_tostring(L, -1));
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "tasks");
  lua_replace(L, all);
  lua_settop(L, all);
}

void sr_push_deadlock(lua_State *L, SrRuntime *rt) {
  push_waiting(L, rt, "DeadlockError", "EDEADLK", "nothing can wake the waiting tasks: %s");
}

/* Pushes the cycle that closes if `t` waits for `target`, as an array of pointers. Returns its length. [-0, +1, m] */
static size_t push_cycle(lua_State *L, SrTask *t, SrTask *target) {
  size_t room = sr_trace_cycle(target, t, NULL, 0);
  SrTask **path = (SrTask **)lua_newuserdatauv(L, (room + 1) * sizeof *path, 0);
  size_t length = sr_trace_cycle(target, t, path, room); /* a finalizer may have changed it */
  return length < room ? length : room;
}

int sr_raise_cycle(lua_State *L, SrTask *t, SrTask *target) {
  size_t length = push_cycle(L, t, target);
  SrTask **path = (SrTask **)lua_touserdata(L, -1);
  lua_pushliteral(L, "");
  lua_newtable(L);
  sr_push_name(L, target);
  lua_pushfstring(L, "task '%s'", lua_tostring(L, -1));
  lua_remove(L, -2);
  add_waiting(L, t, 1);
  for (size_t i = 0; i < length; i++) {
    sr_push_waits_for(L, path[i]);
    add_waiting(L, path[i], (lua_Integer)i + 2);
  }
  lua_insert(L, -2);
  sr_add_rest(L, "; ", (lua_Integer)length + 1);
  sr_push_error(L, "DeadlockError", "EDEADLK", "a cycle of tasks that wait for each other: %s", lua_tostring(L, -1));
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "tasks");
  return lua_error(L);
}

void sr_push_overtime(lua_State *L, SrRuntime *rt) {
  push_waiting(L, rt, "TimeoutError", "ETIMEDOUT", "the test takes too long; the waiting tasks: %s");
}
