/* SPDX-License-Identifier: MIT */
/* Failures that nobody looked at. See failure.h. */
#include "runtime/failure.h"

#include <stdio.h>

#include "runtime/account.h"
#include "runtime/chain.h"
#include "runtime/error.h"
#include "runtime/handle.h"
#include "runtime/object.h"
#include "runtime/origin.h"

typedef struct SrFailure {
  SrObject head;
  lua_Integer number; /* in the table of failures; 0 once somebody has looked */
} SrFailure;

enum {
  BOX_ERROR = 1,
  BOX_ORIGIN, /* of that error, or nil */
  BOX_TASK,   /* the one that failed; it may be a future */
  BOX_VALUES = BOX_TASK
};

/* The frame of a report. */
enum { REPORT_ERROR = 1, REPORT_TRACE, REPORT_TASK, REPORT_WHAT };

static const SrClass box_class = {.name = "failure"};
static const char reporter_key;

/* --- reporting -------------------------------------------------------------- */

/* Pushes what a report calls the task, or future, at `index`. [-0, +1, m] */
static void push_title(lua_State *L, int index) {
  if (sr_test_task(L, index) == NULL) {
    lua_pushliteral(L, "a future");
    return;
  }
  sr_push_name_of(L, index);
  lua_pushfstring(L, "task '%s'", lua_tostring(L, -1));
  lua_remove(L, -2);
}

/* The text of these errors begins with the end of a line. */
static void print_related(lua_State *L, int error) {
  lua_pushliteral(L, "");
  sr_add_related_errors(L, error);
  const char *text = lua_tostring(L, -1);
  if (text[0] != '\0') fprintf(stderr, "%s\n", text + 1);
  lua_pop(L, 1);
}

static void print_report(lua_State *L, int error, int task, int trace, const char *what) {
  push_title(L, task);
  sr_push_text(L, error);
  fprintf(stderr, "saros: %s%s: %s\n", lua_tostring(L, -2), what, lua_tostring(L, -1));
  sr_push_trace_text(L, trace);
  if (lua_isstring(L, -1)) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  if (sr_is_error(L, error)) print_related(L, error);
  fflush(stderr);
  lua_pop(L, 3);
}

/* Reports (error, trace, task, what the task did). */
static int l_report(lua_State *L) {
  const char *what = (const char *)lua_touserdata(L, REPORT_WHAT);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &reporter_key) == LUA_TNIL) {
    print_report(L, REPORT_ERROR, REPORT_TASK, REPORT_TRACE, what);
    return 0;
  }
  lua_pushvalue(L, REPORT_ERROR);
  lua_pushvalue(L, REPORT_TASK);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    sr_push_text(L, -1);
    fprintf(stderr, "saros: the function given to on_error failed: %s\n", lua_tostring(L, -1));
    print_report(L, REPORT_ERROR, REPORT_TASK, REPORT_TRACE, what);
  }
  return 0;
}

void sr_report(lua_State *L, int error, int task, int trace, const char *what) {
  lua_pushvalue(L, error);
  lua_pushvalue(L, trace);
  lua_pushvalue(L, task);
  lua_pushlightuserdata(L, (void *)(uintptr_t)what);
  if (!sr_protected(L, l_report, 4, 0)) fprintf(stderr, "saros: a failure could not be reported: not enough memory\n");
}

/* Reports the box at `index` unless somebody has looked at it. */
static void report_box(lua_State *L, int index) {
  SrFailure *box = (SrFailure *)lua_touserdata(L, index);
  if (box->number == 0) return;
  box->number = 0;
  int top = lua_gettop(L);
  for (int i = BOX_ERROR; i <= BOX_VALUES; i++) lua_getiuservalue(L, index, i);
  sr_get_origin(L, top + BOX_ORIGIN, SR_ORIGIN_TRACE);
  sr_report(L, top + BOX_ERROR, top + BOX_TASK, lua_gettop(L), " failed and nobody looked at it");
  lua_settop(L, top);
}

static int l_collect(lua_State *L) {
  if (sr_test(L, 1, &box_class) != NULL) report_box(L, 1);
  return 0;
}

int sr_l_report(lua_State *L) {
  lua_settop(L, 1);
  if (sr_test_task(L, 1) == NULL) return 0;
  lua_getiuservalue(L, 1, 1);
  if (sr_test(L, 2, &box_class) != NULL) report_box(L, 2);
  return 0;
}

void sr_report_failures(lua_State *L, SrRuntime *rt) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_failures_key);
  int failures = lua_gettop(L);
  lua_pushnil(L);
  bool any = lua_next(L, failures) != 0;
  lua_settop(L, failures);
  for (lua_Integer i = 1; any && i <= rt->failures; i++) {
    if (lua_rawgeti(L, failures, i) == LUA_TUSERDATA) {
      lua_pushnil(L);
      lua_rawseti(L, failures, i);
      report_box(L, failures + 1);
    }
    lua_settop(L, failures);
  }
  rt->failures = 0;
  lua_pop(L, 1);
}

/* --- boxes ------------------------------------------------------------------ */

void sr_push_failure_box(lua_State *L, int index) {
  SrRuntime *rt = sr_find_runtime(L);
  SrFailure *box = (SrFailure *)sr_new_object(L, &box_class, sizeof(SrFailure), BOX_VALUES);
  lua_insert(L, -3);
  lua_setiuservalue(L, -3, BOX_ORIGIN);
  lua_setiuservalue(L, -2, BOX_ERROR);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, BOX_TASK);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_failures_key);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, ++rt->failures);
  lua_pop(L, 1);
  box->number = rt->failures;
}

void sr_open_failure_box(lua_State *L) {
  SrFailure *box = (SrFailure *)sr_test(L, -1, &box_class);
  if (box == NULL) return; /* there was no memory for a box: it is the error itself */
  if (box->number != 0) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_failures_key);
    lua_pushnil(L);
    lua_rawseti(L, -2, box->number);
    lua_pop(L, 1);
    box->number = 0;
  }
  lua_getiuservalue(L, -1, BOX_ERROR);
  lua_replace(L, -2);
}

/* Pushes a field of the origin of the failed task at `index`, or nil. Returns its type. [-0, +1, -] */
static int push_field(lua_State *L, int index, SrOrigin field) {
  lua_getiuservalue(L, index, 1);
  if (sr_test(L, -1, &box_class) != NULL)
    lua_getiuservalue(L, -1, BOX_ORIGIN);
  else
    lua_pushnil(L);
  int type = sr_get_origin(L, lua_gettop(L), field);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return type;
}

void sr_push_failure_source(lua_State *L, int index) {
  if (push_field(L, index, SR_ORIGIN_SOURCE) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_pushvalue(L, index);
}

void sr_push_failure_trace(lua_State *L, int index) {
  push_field(L, index, SR_ORIGIN_TRACE);
}

/* on_error(fn): fn(err, task) is told of failures nobody looked at; nil restores the default. */
int sr_l_on_error(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) sr_check_function(L, "on_error", 1, 1);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &reporter_key);
  return 0;
}

void sr_open_failure(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {NULL, NULL}};
  sr_push_class(L, &box_class, none, meta);
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sr_failures_key);
}
