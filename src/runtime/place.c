/* SPDX-License-Identifier: MIT */
/* Places in the user's code. See place.h. */
#include "runtime/place.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/source.h"

/* Levels that are looked through for the user's code: it may have called by way of pcall, or of our own Lua. */
enum { MAX_LEVELS = 24 };

bool sr_is_home(const SrRuntime *rt, const char *source) {
  return rt->places.home != NULL && strncmp(source, rt->places.home, rt->places.home_length) == 0;
}

bool sr_find_caller(lua_State *L, const SrRuntime *rt, int level, lua_Debug *ar) {
  for (int i = level; i < level + MAX_LEVELS && lua_getstack(L, i, ar); i++) {
    lua_getinfo(L, "Sl", ar);
    if (ar->currentline >= 0 && !sr_is_home(rt, ar->source)) return true;
  }
  return false;
}

void sr_set_home(lua_State *L, const char *prefix) {
  SrPlaces *places = &sr_rt(L)->places;
  size_t length = strlen(prefix);
  char *copy = (char *)malloc(length + 1);
  if (copy == NULL) luaL_error(L, "not enough memory");
  memcpy(copy, prefix, length + 1);
  free(places->home);
  places->home = copy;
  places->home_length = length;
}

/* --- recorded places --------------------------------------------------------- */

typedef struct Place {
  uint32_t source;
  int32_t line;
} Place;

static Place find_place(lua_State *L, SrRuntime *rt) {
  lua_Debug ar;
  if (!sr_find_caller(L, rt, 1, &ar)) return (Place){0, 0};
  return (Place){(uint32_t)sr_source_number(rt, ar.short_src), ar.currentline};
}

/* Whether the task is where it opened the block. */
static bool stands_at(const SrBlock *block) {
  const SrTask *t = block->task;
  return t->co == block->co && (t->future.state == SR_RUNNING || lua_status(block->co) == LUA_YIELD);
}

static Place place_of(const SrScope *scope) {
  if (scope->source != SR_ASKED_LATER) return (Place){scope->source, scope->line};
  if (scope->kind == SR_SCOPE_TASK) return place_of(scope->parent);
  const SrBlock *block = (const SrBlock *)(const void *)scope;
  return stands_at(block) ? find_place(block->co, block->task->rt) : (Place){0, 0};
}

/*
** Tasks of our own have no code of the user's on their stacks, and do what they do for whoever has started them: a server
** spawns its handlers for the one that serves.
*/
static Place find_place_here(lua_State *L, SrRuntime *rt) {
  lua_Debug ar;
  if (sr_find_caller(L, rt, 1, &ar)) return (Place){(uint32_t)sr_source_number(rt, ar.short_src), ar.currentline};
  return rt->current != NULL ? place_of(&rt->current->scope) : (Place){0, 0};
}

void sr_place(lua_State *L, SrRuntime *rt, SrScope *scope) {
  Place place = find_place_here(L, rt);
  scope->source = place.source;
  scope->line = place.line;
}

void sr_ask_place(SrScope *scope) {
  if (scope->source != SR_ASKED_LATER) return;
  if (scope->kind == SR_SCOPE_TASK) sr_ask_place(scope->parent); /* once for all of its children */
  Place place = place_of(scope->kind == SR_SCOPE_TASK ? scope->parent : scope);
  scope->source = place.source;
  scope->line = place.line;
}

static void push_source(lua_State *L, const SrRuntime *rt, unsigned source, int line) {
  const char *name = sr_source_name(rt, source);
  if (name == NULL)
    lua_pushliteral(L, "?");
  else
    lua_pushfstring(L, "%s:%d", name, line);
}

void sr_push_position(lua_State *L) {
  lua_Debug ar;
  if (sr_find_caller(L, sr_find_runtime(L), 1, &ar))
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
  else
    lua_pushliteral(L, "");
}

void sr_push_place(lua_State *L, const SrScope *scope) {
  Place place = place_of(scope);
  push_source(L, sr_find_runtime(L), place.source, place.line);
}

void sr_place_resource(lua_State *L, saros_resource *resource) {
  Place place = find_place_here(L, sr_find_runtime(L));
  resource->source = (int)place.source;
  resource->line = place.line;
}

void sr_push_resource_place(lua_State *L, const saros_resource *resource) {
  push_source(L, sr_find_runtime(L), (unsigned)resource->source, resource->line);
}

void sr_keep_place(lua_State *L, int index) {
  SrTask *t = (SrTask *)lua_touserdata(L, index);
  uint32_t source = t->scope.source;
  t->scope.source = 0; /* it is lost if there is no memory for the text */
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_places_key);
  lua_pushvalue(L, index);
  push_source(L, t->rt, source, t->scope.line);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  t->scope.source = source;
}

void sr_push_place_of(lua_State *L, int index) {
  const SrTask *t = (const SrTask *)lua_touserdata(L, index);
  if (t->future.state != SR_ENDED || t->scope.source <= SR_LASTING_SOURCES) {
    sr_push_place(L, &t->scope);
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_places_key);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_replace(L, -2);
}
