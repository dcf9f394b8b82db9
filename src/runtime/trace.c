/* SPDX-License-Identifier: MIT */
/* Places, stacks and the chain across tasks. See trace.h; the tree and the deadlock report are in tree.c. */
#include "runtime/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/runtime.h"
#include "runtime/source.h"

/* --- places ----------------------------------------------------------------- */

/* Levels that are looked through for the user's code: it may have called by way of pcall, or of our own Lua. */
enum { MAX_LEVELS = 24 };

static bool is_home(const SrRuntime *rt, const char *source) {
  return rt->home != NULL && strncmp(source, rt->home, rt->home_length) == 0;
}

/* The Lua code that called the running function, if it can be that of the user; false if there is none. */
static bool find_caller(lua_State *L, const SrRuntime *rt, int level, lua_Debug *ar) {
  for (int i = level; i < level + MAX_LEVELS && lua_getstack(L, i, ar); i++) {
    lua_getinfo(L, "Sl", ar);
    if (ar->currentline >= 0 && !is_home(rt, ar->source)) return true;
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
  scope->source = (uint32_t)sr_source_number(rt, ar.short_src);
  scope->line = ar.currentline;
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
  resource->source = (int)sr_source_number(rt, ar.short_src);
  resource->line = ar.currentline;
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

/* Pushes the place of the task at `index`, which may have ended. */
static void push_place_of(lua_State *L, int index) {
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

/* --- stacks ----------------------------------------------------------------- */

/* Whether the function of this frame is one of the C functions of saros.core: the first upvalue of all is the runtime. */
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
  if (*ar.what != 'C') return is_home(rt, ar.source);
  if (is_own_function(co, rt, &ar)) return true;
  if (!lua_getstack(co, level + 1, &ar)) return false;
  lua_getinfo(co, "S", &ar);
  return *ar.what != 'C' && is_home(rt, ar.source);
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

void sr_push_where(lua_State *L, SrTask *t) {
  lua_Debug ar;
  if (t->co != NULL && find_caller(t->co, t->rt, 0, &ar))
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
  else
    sr_push_place(L, &t->scope);
}

/* Pushes "[task 'name' spawned at place]" of the task at `index`, which may have ended. */
static void push_label(lua_State *L, int index) {
  sr_push_name_of(L, index);
  push_place_of(L, index);
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
  sr_push_task(L, t);
  push_label(L, lua_gettop(L));
  lua_replace(L, -2);
  lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sr_push_here(lua_State *L) {
  SrTask *t = sr_current_task(sr_find_runtime(L));
  if (t != NULL && t->co == L)
    push_stack_of(L, t, 0);
  else
    sr_push_stack(L, L, 0);
}

void sr_push_task_trace(lua_State *L, int index) {
  SrTask *t = sr_test_task(L, index);
  if (t->future.status == SR_FAILED) {
    sr_push_failure_trace(L, index);
    if (!lua_isnil(L, -1)) {
      sr_push_trace_text(L, -1);
      lua_replace(L, -2);
      return;
    }
    lua_pop(L, 1); /* nothing in it was running: it forgot a block, or there was no memory */
  }
  if (t->future.state == SR_ENDED)
    push_label(L, lua_absindex(L, index));
  else
    push_stack_of(L, t, 0);
}

/* --- the chain across tasks ------------------------------------------------- */

/*
** A trace is the stack of a task as text, or, if that was awaited, a link: the stack of who awaited it and its trace.
** So each task of a chain keeps its own part only.
*/
enum { LINK_STACK = 1, LINK_INNER };

/* The stacks at each end of a chain that are shown; those between are counted. */
enum { MAX_STACKS = 50 };

static const char AWAITED[] = "\nawaited by:\n";

/* Puts a link in the place of the trace at `index`; the stack of who awaited is on top. [-1, +0, m] */
static void add_link(lua_State *L, int index) {
  if (lua_isnil(L, index)) {
    lua_replace(L, index); /* there was no memory for that one */
    return;
  }
  lua_createtable(L, LINK_INNER, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, LINK_STACK);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, LINK_INNER);
  lua_replace(L, index);
}

/* The number of links of the trace on top. */
static lua_Integer count_links(lua_State *L) {
  lua_Integer count = 0;
  lua_pushvalue(L, -1);
  for (; lua_istable(L, -1); count++) {
    lua_rawgeti(L, -1, LINK_INNER);
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
  return count;
}

/* Pushes a list of the stacks that are shown, those of the trace on top, which has `links`, from the inside out. */
static void push_stacks(lua_State *L, lua_Integer links) {
  lua_Integer last = links < 2 * MAX_STACKS ? links + 1 : 2 * MAX_STACKS;
  lua_createtable(L, (int)last, 0);
  lua_pushvalue(L, -2);
  for (lua_Integer left = links; left >= 0; left--) {
    bool is_link = lua_istable(L, -1);
    if (is_link)
      lua_rawgeti(L, -1, LINK_STACK);
    else
      lua_pushvalue(L, -1);
    if (left >= links - MAX_STACKS + 1)
      lua_rawseti(L, -3, last - (links - left));
    else if (left < MAX_STACKS)
      lua_rawseti(L, -3, left + 1);
    else
      lua_pop(L, 1);
    if (!is_link) break;
    lua_rawgeti(L, -1, LINK_INNER);
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
}

void sr_push_trace_text(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_Integer links = count_links(L), left_out = links + 1 - 2 * MAX_STACKS;
  if (links == 0) return;
  push_stacks(L, links);
  int stacks = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, stacks);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) luaL_addstring(&buffer, AWAITED);
    if (i == MAX_STACKS + 1 && left_out > 0) {
      lua_pushfstring(L, "(%I more tasks)%s", (LUAI_UACINT)left_out, AWAITED);
      luaL_addvalue(&buffer);
    }
    lua_rawgeti(L, stacks, i);
    luaL_addvalue(&buffer);
  }
  luaL_pushresult(&buffer);
  lua_replace(L, stacks - 1);
  lua_pop(L, 1);
}

/*
** The origin of the error that is under way in a task: a list of these. Kept by task, so an error
** that passes a wait_for keeps its first trace.
*/
enum {
  ORIGIN_ERROR = 1,
  ORIGIN_TRACE,   /* as sr_push_trace_text takes it */
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

/* Traces do not become longer than about this: an error may be raised anew in any number of tasks. */
enum { TRACE_LIMIT = 32768 };

/* Puts the stack of a task below the trace on top. [-1, +1, m] */
static void add_stack(lua_State *L, SrTask *t, int level, const char *how) {
  static const char more[] = "\n...";
  size_t length, cut = sizeof more - 1;
  const char *text = lua_tolstring(L, -1, &length);
  if (length > TRACE_LIMIT) {
    if (strcmp(text + length - cut, more) == 0) return;
    lua_pushliteral(L, "\n...");
  } else {
    push_stack_of(L, t, level);
    lua_pushfstring(L, "%s%s", how, lua_tostring(L, -1));
    lua_remove(L, -2);
  }
  lua_concat(L, 2);
}

/* Pushes the `traceback` of the Error object at `error`, or pushes nothing: it is none, or that field is no string. */
static bool push_traceback(lua_State *L, int error) {
  if (!sr_is_error(L, error)) return false;
  lua_pushliteral(L, "traceback");
  lua_rawget(L, error);
  if (lua_type(L, -1) == LUA_TSTRING) return true;
  lua_pop(L, 1);
  return false;
}

/* Makes the trace on top the `traceback` of the Error object at `error`. [-0, +0, m] */
static void set_traceback(lua_State *L, int error) {
  lua_pushliteral(L, "traceback");
  lua_pushvalue(L, -2);
  lua_rawset(L, error);
}

/* Cuts off who awaited: of an error that is raised anew, or comes to somebody else. [-1, +1, m] */
static void cut_chain(lua_State *L) {
  const char *text = lua_tostring(L, -1), *chain = strstr(text, AWAITED);
  if (chain == NULL) return;
  lua_pushlstring(L, text, (size_t)(chain - text));
  lua_replace(L, -2);
}

/* Pushes the trace with which the error at `error` left the task at `index`, nil if there is none. */
static void push_left_trace(lua_State *L, int error, int index) {
  if (((const SrFuture *)lua_touserdata(L, index))->status == SR_FAILED)
    sr_push_failure_trace(L, index);
  else if (push_traceback(L, error))
    cut_chain(L);
  else
    lua_pushnil(L);
}

/*
** An Error object says at once by whom it was awaited, as `traceback`. Several may await the same task, and get the
** same error: then it tells of the last of them.
*/
void sr_note_origin(lua_State *L, SrTask *t, int index) {
  int error = lua_gettop(L);
  push_left_trace(L, error, index);
  bool is_fresh = true;
  if (!lua_isnil(L, -1) && push_traceback(L, error)) {
    lua_pop(L, 1);
    push_stack_of(L, t, 0);
    add_link(L, lua_gettop(L) - 1);
    sr_push_trace_text(L, -1);
    set_traceback(L, error);
    lua_pop(L, 1);
    is_fresh = false;
  }
  sr_push_failure_source(L, index);
  lua_pushboolean(L, is_fresh);
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

/*
** Pushes the trace of the error at index 1, which task `t` has raised. Of an Error object that is its `traceback`; if
** it was not made in this task, the place where it is raised stands below.
*/
static void push_arisen(lua_State *L, SrTask *t) {
  if (!push_traceback(L, 1)) {
    push_stack_of(L, t, 1);
    return;
  }
  cut_chain(L);
  sr_push_task(L, t);
  push_label(L, lua_gettop(L));
  bool is_of_task = strstr(lua_tostring(L, -3), lua_tostring(L, -1)) != NULL;
  lua_pop(L, 2);
  if (!is_of_task) add_stack(L, t, 1, "\nraised in:\n");
  set_traceback(L, 1);
}

int sr_l_handler(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  uint64_t serial;
  lua_settop(L, 1);
  if (t == NULL || t->co != L || sr_is_own_cancel(L, 1, t, &serial)) return 1;
  if (!get_origin(L, t, 1)) {
    push_arisen(L, t);
    lua_pushnil(L);
    lua_pushboolean(L, 0);
    set_origin(L, t, 1);
  } else if (lua_toboolean(L, 4)) {
    push_stack_of(L, t, 1);
    add_link(L, 2);
    lua_pushboolean(L, 0);
    lua_replace(L, 4);
    lua_settop(L, 4);
    set_origin(L, t, 1);
  }
  lua_settop(L, 1);
  return 1;
}

/* --- functions written in Lua ------------------------------------------------ */

static int k_entry(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

/* Its upvalues: the function, the runtime. */
int sr_l_entry(lua_State *L) {
  ((SrRuntime *)lua_touserdata(L, lua_upvalueindex(2)))->given = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, k_entry);
  return k_entry(L, LUA_OK, 0);
}

int sr_l_entry_of(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushlightuserdata(L, sr_rt(L));
  lua_pushcclosure(L, sr_l_entry, 2);
  return 1;
}

int sr_l_given(lua_State *L) {
  lua_pushinteger(L, sr_rt(L)->given);
  return 1;
}

int sr_l_misuse(lua_State *L) {
  sr_push_position(L);
  lua_pushvalue(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}
