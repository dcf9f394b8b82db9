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
#include "runtime/origin.h"
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

/* Cuts off those who awaited: the error on whose trace they stand is raised anew, or comes to others. [-1, +1, m] */
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
** The `traceback` of an Error object says at once who awaited it: the one at `error` has come to task `t` with the trace
** on top. Whether that still lacks the task. If several tasks await the same one they get the same error, which tells of
** the last of them. [-0, +0, m]
*/
static bool add_to_traceback(lua_State *L, SrTask *t, int error) {
  if (lua_isnil(L, -1) || !push_traceback(L, error)) return true;
  lua_pop(L, 1);
  sr_push_stack_of(L, t, 0);
  sr_add_link(L, lua_gettop(L) - 1);
  sr_push_trace_text(L, -1);
  set_traceback(L, error);
  lua_pop(L, 1);
  return false;
}

void sr_note_origin(lua_State *L, SrTask *t, int index) {
  int error = lua_gettop(L);
  push_left_trace(L, error, index);
  bool is_fresh = add_to_traceback(L, t, error);
  sr_push_failure_source(L, index);
  sr_push_origin(L, error, is_fresh);
  sr_keep_origin(L, t);
}

void sr_note_foreign(lua_State *L, SrTask *t) {
  int error = lua_gettop(L) - 1;
  if (push_traceback(L, error)) lua_replace(L, error + 1);
  bool is_fresh = add_to_traceback(L, t, error);
  lua_pushnil(L); /* it arose in no task */
  sr_push_origin(L, error, is_fresh);
  sr_keep_origin(L, t);
}

void sr_push_source(lua_State *L, SrTask *t) {
  if (sr_find_origin(L, t, lua_gettop(L))) {
    sr_get_origin(L, lua_gettop(L), SR_ORIGIN_SOURCE);
    lua_replace(L, -2);
  } else
    lua_pushnil(L);
}

/* The frame of the handler. */
enum { HANDLER_ERROR = 1, HANDLER_ORIGIN };

/*
** Pushes the trace of the error at HANDLER_ERROR, which task `t` has raised. That of an Error object is its
** `traceback`; if it was not made in this task, the place where it is raised is added.
*/
static void push_arisen(lua_State *L, SrTask *t) {
  if (!push_traceback(L, HANDLER_ERROR)) {
    sr_push_stack_of(L, t, 1);
    return;
  }
  cut_chain(L);
  sr_push_task(L, t);
  sr_push_label(L, lua_gettop(L));
  bool is_of_task = strstr(lua_tostring(L, -3), lua_tostring(L, -1)) != NULL;
  lua_pop(L, 2);
  if (!is_of_task) add_stack(L, t, 1, "\nraised in:\n");
  set_traceback(L, HANDLER_ERROR);
}

/* The error has just come from another task, which this one awaited: its trace goes on with this one. [-0, +0, m] */
static void add_awaiting(lua_State *L, SrTask *t) {
  sr_get_origin(L, HANDLER_ORIGIN, SR_ORIGIN_TRACE);
  sr_push_stack_of(L, t, 1);
  sr_add_link(L, lua_gettop(L) - 1);
  sr_set_origin(L, HANDLER_ORIGIN, SR_ORIGIN_TRACE);
  lua_pushboolean(L, false);
  sr_set_origin(L, HANDLER_ORIGIN, SR_ORIGIN_IS_FRESH);
}

int sr_l_handler(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  uint64_t serial;
  lua_settop(L, HANDLER_ERROR);
  if (t == NULL || t->co != L || sr_is_own_cancel(L, HANDLER_ERROR, t, &serial)) return 1;
  if (!sr_find_origin(L, t, HANDLER_ERROR)) {
    push_arisen(L, t);
    lua_pushnil(L);
    sr_push_origin(L, HANDLER_ERROR, false);
    sr_keep_origin(L, t);
  } else {
    sr_get_origin(L, HANDLER_ORIGIN, SR_ORIGIN_IS_FRESH);
    if (lua_toboolean(L, -1)) add_awaiting(L, t);
  }
  lua_settop(L, HANDLER_ERROR);
  return 1;
}
