/* SPDX-License-Identifier: MIT */
/* Places, stacks and the chain across tasks. See trace.h; the tree and the deadlock report are in tree.c. */
#include "runtime/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/runtime.h"

/* --- places ----------------------------------------------------------------- */

/* Levels that are looked through for the user's code: it may have called by way of pcall, or of our own Lua. */
enum { MAX_LEVELS = 12, MAX_SOURCES = 65535 };

/* The number of a source name: 0 is unknown. Names are copied, as their chunk may be collected. */
static unsigned source_number(SrRuntime *rt, const char *name, unsigned hint) {
  if (hint != 0 && hint <= rt->source_count && strcmp(rt->sources[hint - 1], name) == 0) return hint;
  for (unsigned i = rt->source_count; i > 0; i--)
    if (strcmp(rt->sources[i - 1], name) == 0) return i;
  if (rt->source_count == MAX_SOURCES) return 0;
  char **sources = (char **)realloc(rt->sources, (rt->source_count + 1) * sizeof *sources);
  if (sources == NULL) return 0;
  rt->sources = sources;
  size_t size = strlen(name) + 1;
  char *copy = (char *)malloc(size);
  if (copy == NULL) return 0;
  memcpy(copy, name, size);
  rt->sources[rt->source_count++] = copy;
  return rt->source_count;
}

/* The Lua code that called the running function, if it can be that of the user; false if there is none. */
static bool find_caller(lua_State *L, const SrRuntime *rt, int level, lua_Debug *ar) {
  for (int i = level; i < level + MAX_LEVELS && lua_getstack(L, i, ar); i++) {
    lua_getinfo(L, "Sl", ar);
    if (ar->currentline < 0) continue;
    if (rt->home == NULL || strncmp(ar->source, rt->home, rt->home_length) != 0) return true;
  }
  return false;
}

int sr_l_home(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  size_t length;
  const char *home = luaL_checklstring(L, 1, &length);
  free(rt->home);
  rt->home_length = length;
  rt->home = (char *)malloc(length + 1);
  if (rt->home == NULL) return luaL_error(L, "not enough memory");
  memcpy(rt->home, home, length + 1);
  return 0;
}

void sr_place(lua_State *L, SrRuntime *rt, SrScope *scope) {
  lua_Debug ar;
  scope->source = 0;
  scope->line = 0;
  if (!find_caller(L, rt, 1, &ar)) return;
  rt->last_source = source_number(rt, ar.short_src, rt->last_source);
  scope->source = (uint16_t)rt->last_source;
  scope->line = ar.currentline;
}

static void push_source(lua_State *L, const SrRuntime *rt, unsigned source, int line) {
  if (source == 0 || source > rt->source_count)
    lua_pushliteral(L, "?");
  else
    lua_pushfstring(L, "%s:%d", rt->sources[source - 1], line);
}

void sr_push_position(lua_State *L) {
  lua_Debug ar;
  if (find_caller(L, sr_find_runtime(L), 1, &ar))
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
  else
    lua_pushliteral(L, "");
}

void sr_push_place(lua_State *L, const SrScope *scope) {
  push_source(L, sr_find_runtime(L), scope->source, scope->line);
}

void sr_place_resource(lua_State *L, saros_resource *resource) {
  SrRuntime *rt = sr_find_runtime(L);
  lua_Debug ar;
  resource->source = resource->line = 0;
  if (!find_caller(L, rt, 1, &ar)) return;
  resource->source = (int)source_number(rt, ar.short_src, 0);
  resource->line = ar.currentline;
}

void sr_push_resource_place(lua_State *L, const saros_resource *resource) {
  push_source(L, sr_find_runtime(L), (unsigned)resource->source, resource->line);
}

void sr_free_sources(SrRuntime *rt) {
  for (unsigned i = 0; i < rt->source_count; i++) free(rt->sources[i]);
  free(rt->sources);
  free(rt->home);
  rt->sources = NULL;
  rt->home = NULL;
  rt->source_count = rt->last_source = 0;
}

/* --- stacks ----------------------------------------------------------------- */

/* C functions without a name are saros' own: what runs a task, and the like. The lowest one is always there. */
void sr_push_stack(lua_State *L, lua_State *co, int level) {
  static const char nameless[] = "\n\t[C]: in ?";
  luaL_traceback(L, co, NULL, level);
  size_t length, cut = sizeof nameless - 1;
  const char *text = lua_tolstring(L, -1, &length), *first = strstr(text, nameless);
  if (first == NULL) return;
  if (first == text + length - cut)
    lua_pushlstring(L, text, length - cut);
  else
    luaL_gsub(L, text, nameless, "");
  lua_remove(L, -2);
}

void sr_push_where(lua_State *L, SrTask *t) {
  lua_Debug ar;
  if (t->co != NULL && find_caller(t->co, t->rt, 0, &ar))
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
  else
    sr_push_place(L, &t->scope);
}

/* Pushes "[task 'name' spawned at place]", given its name on top. [-1, +1, m] */
static void push_label(lua_State *L, const SrTask *t) {
  sr_push_place(L, &t->scope);
  lua_pushfstring(L, "[task '%s' spawned at %s]", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Pushes the stack of a task that has one, and its label. */
static void push_stack_of(lua_State *L, SrTask *t, int level) {
  if (t->co != NULL)
    sr_push_stack(L, t->co, level);
  else
    lua_pushliteral(L, "stack traceback: (not running)");
  sr_push_name(L, t);
  push_label(L, t);
  lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_push_task_trace(lua_State *L, int index) {
  SrTask *t = sr_test_task(L, index);
  if (t->future.status == SR_FAILED) {
    sr_push_failure_trace(L, index);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1); /* nothing in it was running: it forgot a block, or there was no memory */
  }
  if (t->future.state == SR_ENDED) {
    sr_push_name_of(L, index);
    push_label(L, t);
  } else
    push_stack_of(L, t, 0);
}

/* --- the chain across tasks ------------------------------------------------- */

/*
** The origin of the error that is under way in a task: a list of these. Kept by task, so an error
** that passes a wait_for keeps its first trace.
*/
enum {
  ORIGIN_ERROR = 1,
  ORIGIN_TRACE,
  ORIGIN_SOURCE,  /* the task in which it arose, if that is another one */
  ORIGIN_IS_FRESH /* it has just come from another task: the trace lacks this one */
};

/* Takes the values of an origin, from `first` on. */
static void set_origin(lua_State *L, SrTask *t, int first) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_createtable(L, ORIGIN_IS_FRESH, 0);
  for (int i = ORIGIN_ERROR; i <= ORIGIN_IS_FRESH; i++) {
    lua_pushvalue(L, first + i - 1);
    lua_rawseti(L, -2, i);
  }
  lua_rawset(L, -3);
  lua_settop(L, first);
}

/* Pushes trace, source and is_fresh if the origin of task `t` is that of the error at `error`; else nothing. */
static bool get_origin(lua_State *L, SrTask *t, int error) {
  int top = lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_rawget(L, -2);
  lua_replace(L, -2);
  if (!lua_istable(L, -1)) return lua_settop(L, top), false;
  lua_rawgeti(L, -1, ORIGIN_ERROR);
  bool same = lua_rawequal(L, -1, error);
  lua_pop(L, 1);
  if (!same) return lua_settop(L, top), false;
  for (int i = ORIGIN_TRACE; i <= ORIGIN_IS_FRESH; i++) lua_rawgeti(L, top + 1, i);
  lua_remove(L, top + 1);
  return true;
}

void sr_note_origin(lua_State *L, SrTask *t, int index) {
  int error = lua_gettop(L);
  sr_push_task_trace(L, index);
  sr_push_failure_source(L, index);
  lua_pushboolean(L, 1);
  set_origin(L, t, error);
}

void sr_push_source(lua_State *L, SrTask *t) {
  int top = lua_gettop(L);
  if (get_origin(L, t, top)) {
    lua_pop(L, 1);
    lua_replace(L, top + 1);
  } else
    lua_pushnil(L);
}

void sr_take_origin(lua_State *L, SrTask *t) {
  if (get_origin(L, t, lua_gettop(L)))
    lua_pop(L, 1);
  else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_origin_key);
  sr_push_task(L, t);
  lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

int sr_l_handler(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  uint64_t serial;
  lua_settop(L, 1);
  if (t == NULL || t->co != L || sr_is_own_cancel(L, 1, t, &serial)) return 1;
  if (!get_origin(L, t, 1)) {
    push_stack_of(L, t, 1);
    lua_pushnil(L);
    lua_pushboolean(L, 0);
    set_origin(L, t, 1);
  } else if (lua_toboolean(L, 4)) {
    push_stack_of(L, t, 1);
    lua_pushfstring(L, "%s\nawaited by:\n%s", lua_tostring(L, 2), lua_tostring(L, 5));
    lua_replace(L, 2);
    lua_pushboolean(L, 0);
    lua_replace(L, 4);
    lua_settop(L, 4);
    set_origin(L, t, 1);
  }
  lua_settop(L, 1);
  return 1;
}
