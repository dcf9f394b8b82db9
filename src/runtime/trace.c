/* SPDX-License-Identifier: MIT */
/* Where the errors of tasks arose. See trace.h. */
#include "runtime/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/cancel.h"
#include "runtime/chain.h"
#include "runtime/handle.h"
#include "runtime/place.h"
#include "runtime/stack.h"

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
    sr_push_label(L, lua_absindex(L, index));
  else
    sr_push_stack_of(L, t, 0);
}

/* --- the chain across tasks ------------------------------------------------- */

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
    sr_push_stack_of(L, t, level);
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
  const char *text = lua_tostring(L, -1), *chain = strstr(text, sr_awaited_by);
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
    sr_push_stack_of(L, t, 0);
    sr_add_link(L, lua_gettop(L) - 1);
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
    sr_push_stack_of(L, t, 1);
    return;
  }
  cut_chain(L);
  sr_push_task(L, t);
  sr_push_label(L, lua_gettop(L));
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
    sr_push_stack_of(L, t, 1);
    sr_add_link(L, 2);
    lua_pushboolean(L, 0);
    lua_replace(L, 4);
    lua_settop(L, 4);
    set_origin(L, t, 1);
  }
  lua_settop(L, 1);
  return 1;
}
