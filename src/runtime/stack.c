/* SPDX-License-Identifier: MIT */
/* Stacks as text. See stack.h. */
#include "runtime/stack.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/entry.h"
#include "runtime/handle.h"
#include "runtime/place.h"

/* Whether the function of this frame is a C function of saros.core: the runtime is the first upvalue of all of them. */
static bool is_own_function(lua_State *co, SrRuntime *rt, lua_Debug *ar) {
  if (!lua_checkstack(co, 2)) return false;
  lua_getinfo(co, "f", ar);
  bool is_own = lua_tocfunction(co, -1) == sr_l_entry;
  if (!is_own && lua_getupvalue(co, -1, 1) != NULL) {
    is_own = lua_touserdata(co, -1) == rt;
    lua_pop(co, 1);
  }
  lua_pop(co, 1);
  return is_own;
}

/* Whether this frame is saros' own: a file or a function of ours, or a C function that one of our files called. */
static bool is_own_frame(lua_State *co, SrRuntime *rt, int level) {
  lua_Debug ar;
  if (!lua_getstack(co, level, &ar)) return false;
  lua_getinfo(co, "S", &ar);
  if (*ar.what != 'C') return sr_is_home(rt, ar.source);
  if (is_own_function(co, rt, &ar)) return true;
  if (!lua_getstack(co, level + 1, &ar)) return false;
  lua_getinfo(co, "S", &ar);
  return *ar.what != 'C' && sr_is_home(rt, ar.source);
}

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/* What a line of a traceback is about. */
typedef struct Line {
  int level; /* of the frame that comes next */
  bool shown;
} Line;

/* C functions without a name are our own, or libraries that have none to tell. */
static void judge_line(lua_State *co, SrRuntime *rt, const char *text, Line *line) {
  static const char skipping[] = "\n\t...\t(skipping ";
  if (starts_with(text, "\n\t(...tail calls...)")) return; /* goes with its frame */
  if (starts_with(text, skipping)) {
    line->level += (int)strtol(text + sizeof skipping - 1, NULL, 10) + 1; /* as luaL_traceback counts them */
    line->shown = true;
    return;
  }
  line->shown = !is_own_frame(co, rt, line->level) && !(starts_with(text, "\n\t[C]: in ?") && text[11] <= '\n');
  line->level++;
}

/* luaL_traceback has a line for each level, which are judged one by one: what it says stays as Lua says it. */
void sr_push_stack(lua_State *L, lua_State *co, int level) {
  SrRuntime *rt = sr_find_runtime(L);
  Line line = {.level = level, .shown = true};
  luaL_Buffer buffer;
  luaL_traceback(L, co, NULL, level);
  int whole = lua_gettop(L);
  const char *at = lua_tostring(L, whole), *next = strchr(at, '\n');
  luaL_buffinit(L, &buffer);
  luaL_addlstring(&buffer, at, next == NULL ? strlen(at) : (size_t)(next - at));
  for (at = next; at != NULL; at = next) {
    next = strchr(at + 1, '\n');
    judge_line(co, rt, at, &line);
    if (line.shown) luaL_addlstring(&buffer, at, next == NULL ? strlen(at) : (size_t)(next - at));
  }
  luaL_pushresult(&buffer);
  lua_remove(L, whole);
}

/* --- chains of coroutines ----------------------------------------------------- */

/* Coroutines of one task that are shown, from the inside out; the rest is counted. */
enum { MAX_COROUTINES = 50 };

/* The next of the chain whose resumer is shown after that of `c`; sets how many are passed over. */
static const SrCoroutine *next_shown(const SrCoroutine *c, int shown, int *left_out) {
  const SrCoroutine *next = c->outer;
  *left_out = 0;
  if (shown < MAX_COROUTINES) return next;
  for (; next != NULL && next->outer != NULL; next = next->outer) ++*left_out;
  return next;
}

/* Adds the stack on top of L without its first line. [-1, +0, m] */
static void add_lines(lua_State *L, luaL_Buffer *buffer) {
  const char *first = strchr(lua_tostring(L, -1), '\n');
  lua_pushstring(L, first == NULL ? "" : first);
  lua_remove(L, -2);
  luaL_addvalue(buffer);
}

/* Adds the stacks of those in whose coroutines the one is in which task `t` is to the stack on top. [-1, +1, m] */
static void add_resumers(lua_State *L, const SrTask *t) {
  luaL_Buffer buffer;
  int left_out = 0, shown = 0, text = lua_gettop(L);
  luaL_buffinit(L, &buffer);
  lua_pushvalue(L, text);
  luaL_addvalue(&buffer);
  for (const SrCoroutine *c = t->inner; c != NULL; c = next_shown(c, ++shown, &left_out)) {
    if (left_out > 0) {
      lua_pushfstring(L, "\n\t(%d more coroutines)", left_out);
      luaL_addvalue(&buffer);
    }
    luaL_addstring(&buffer, "\n\t[coroutine resumed by]");
    sr_push_stack(L, c->resumer, 0);
    add_lines(L, &buffer);
  }
  luaL_pushresult(&buffer);
  lua_replace(L, -2);
}

static bool find_place(SrTask *t, lua_State *co, lua_Debug *ar) {
  return sr_find_caller(co, t->rt, 0, ar);
}

void sr_push_where(lua_State *L, SrTask *t) {
  lua_Debug ar;
  const SrCoroutine *c = t->inner;
  bool is_found = t->co != NULL && find_place(t, t->co, &ar);
  for (; !is_found && c != NULL; c = c->outer) is_found = find_place(t, c->resumer, &ar);
  if (is_found)
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
  else
    sr_push_place(L, &t->scope);
}

void sr_push_resumers(lua_State *L, SrTask *t) {
  lua_Debug ar;
  luaL_Buffer buffer;
  int left_out = 0, shown = 0;
  luaL_buffinit(L, &buffer);
  for (const SrCoroutine *c = t->inner; c != NULL; c = next_shown(c, ++shown, &left_out)) {
    if (left_out > 0) lua_pushfstring(L, ", in %d more coroutines", left_out), luaL_addvalue(&buffer);
    if (find_place(t, c->resumer, &ar))
      lua_pushfstring(L, ", in a coroutine resumed at %s:%d", ar.short_src, ar.currentline);
    else
      lua_pushliteral(L, ", in a coroutine");
    luaL_addvalue(&buffer);
  }
  luaL_pushresult(&buffer);
}

void sr_push_label(lua_State *L, int index) {
  sr_push_name_of(L, index);
  sr_push_place_of(L, index);
  lua_pushfstring(L, "[task '%s' spawned at %s]", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_push_stack_of(lua_State *L, SrTask *t, int level) {
  if (t->co != NULL)
    sr_push_stack(L, t->co, level);
  else
    lua_pushliteral(L, "stack traceback: (not running)");
  if (t->inner != NULL) add_resumers(L, t);
  sr_push_task(L, t);
  sr_push_label(L, lua_gettop(L));
  lua_replace(L, -2);
  lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_push_here(lua_State *L) {
  SrTask *t = sr_current_task(sr_find_runtime(L));
  if (t != NULL && t->co == L)
    sr_push_stack_of(L, t, 0);
  else
    sr_push_stack(L, L, 0);
}
