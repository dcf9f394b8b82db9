/* SPDX-License-Identifier: MIT */
/* Debug mode. See debug.h. */
#include "runtime/debug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cancel.h"
#include "runtime/handle.h"
#include "runtime/object.h"
#include "runtime/place.h"
#include "runtime/record.h"
#include "runtime/stack.h"
#include "runtime/tree.h"

/* The hook looks at the time every so many instructions. */
enum { SAMPLE = 1000 };

static const int64_t DEFAULT_SLOW = 100000000; /* nanoseconds */

/* So many nanoseconds after a step was found to be slow the warning does not wait for its end any more. */
static const int64_t ENDLESS = 5000000000;

static void warn(const char *message, const char *detail) {
  fprintf(stderr, "saros: debug: %s%s%s\n", message, detail[0] == '\0' ? "" : "\n", detail);
  fflush(stderr);
}

/* --- swallowed cancellations ------------------------------------------------ */

/*
** The anchor keeps, under the address of `raised`, the last CancelledError that was raised in a task,
** or the serial of its cause once that has been warned of.
*/
void sr_debug_cancelled(lua_State *L, SrTask *t) {
  uint64_t serial;
  if (!sr_is_own_cancel(L, -1, t, &serial)) return;
  sr_anchor_get(L, &t->raised);
  bool is_known = lua_isinteger(L, -1) && (uint64_t)lua_tointeger(L, -1) == serial;
  lua_pop(L, 1);
  if (is_known) return;
  lua_pushvalue(L, -1);
  sr_anchor_set(L, &t->raised);
}

/* Whether the value at `index` is the last in the frame of a C function that has called another one. */
static bool is_last(lua_State *L, const lua_Debug *ar, int index) {
  bool is = false;
  for (int i = 1; lua_getlocal(L, ar, i) != NULL; i++) {
    is = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
  }
  return is;
}

/*
** Whether a __close runs that was called with the error at `error`. It has no name for that error if it takes none; but
** Lua calls it from the frame of the C function that catches the error, and leaves that there just below it.
*/
static bool is_in_close(lua_State *L, int error) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "S", &ar);
    if (*ar.what == 'C' && is_last(L, &ar, error)) return true;
  }
  return false;
}

/* The cancellation at `error` was not swallowed: it is under way, and the wait in a __close ends at once. */
static void warn_of_close(lua_State *L, SrTask *t, int error) {
  int top = lua_gettop(L);
  sr_push_name(L, t);
  sr_push_stack(L, L, 0);
  lua_pushfstring(L,
                  "task '%s' waits in a __close though it is cancelled, so that this raises (wait inside of "
                  "async.shield); it waits here:\n%s\nit was cancelled here:",
                  lua_tostring(L, -2), lua_tostring(L, -1));
  lua_getfield(L, error, "traceback");
  warn(lua_tostring(L, -2), lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
  lua_settop(L, top);
}

static void warn_of_swallowing(lua_State *L, SrTask *t, int error, const char *what) {
  sr_push_name(L, t);
  lua_pushfstring(L, "task '%s' swallowed a cancellation%s; it was raised here:", lua_tostring(L, -1), what);
  lua_getfield(L, error, "traceback");
  warn(lua_tostring(L, -2), lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
}

/* Somebody caught what was raised by `cause`, and then did not let it pass. Says so once, with the place. */
static void warn_if_swallowed(lua_State *L, SrTask *t, const SrScope *cause, const char *what) {
  int top = lua_gettop(L);
  uint64_t serial = sr_scope_serial(cause);
  sr_anchor_get(L, &t->raised);
  if (sr_is_cancel_by(L, -1, t, cause)) {
    if (is_in_close(L, top + 1))
      warn_of_close(L, t, top + 1);
    else
      warn_of_swallowing(L, t, top + 1, what);
    lua_pushinteger(L, (lua_Integer)serial);
    sr_anchor_set(L, &t->raised);
  }
  lua_settop(L, top);
}

void sr_debug_raise(lua_State *L, SrTask *t) {
  if (t->rt->debug.is_on && t->current->cause != NULL) warn_if_swallowed(L, t, t->current->cause, " and waits again");
}

void sr_debug_end(lua_State *L, SrTask *t, SrStatus status) {
  if (!t->rt->debug.is_on) return;
  if (status == SR_DONE && t->scope.cause != NULL) warn_if_swallowed(L, t, t->scope.cause, "");
  lua_pushnil(L);
  sr_anchor_set(L, &t->raised);
}

/* --- slow steps ------------------------------------------------------------- */

/* The anchor keeps under the address of `slow` where the present step was when it had taken too long. */
static void keep_place(lua_State *L, SrRuntime *rt) {
  sr_push_stack(L, L, 0);
  sr_anchor_set(L, &rt->debug.slow);
}

/* Says that a task is slow; the handle is at `index`, and where it was is kept. */
static void warn_slow(lua_State *L, int index, int64_t elapsed, const char *how) {
  char text[80];
  int top = lua_gettop(L);
  SrTask *t = (SrTask *)lua_touserdata(L, index);
  snprintf(text, sizeof text, "has held the loop for %.3f s%s", (double)elapsed / 1e9, how);
  sr_push_name_of(L, index);
  sr_push_place(L, &t->scope);
  lua_pushfstring(L, "task '%s' (spawned at %s) %s", lua_tostring(L, -2), lua_tostring(L, -1), text);
  sr_anchor_get(L, &t->rt->debug.slow);
  warn(lua_tostring(L, -2), lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
  lua_settop(L, top);
}

/* At the end of the step: (handle, coroutine or NULL, nanoseconds) */
static int l_warn_slow(lua_State *L) {
  SrRuntime *rt = ((SrTask *)lua_touserdata(L, 1))->rt;
  lua_State *co = (lua_State *)lua_touserdata(L, 2);
  if (rt->debug.step_slow == 0 && co != NULL) { /* what took so long was no Lua code: it is where it waits now */
    sr_push_stack(L, co, 0);
    sr_anchor_set(L, &rt->debug.slow);
  }
  warn_slow(L, 1, lua_tointeger(L, 3), "");
  lua_pushnil(L);
  sr_anchor_set(L, &rt->debug.slow);
  return 0;
}

/*
** Looks at the time while a step runs, to remember the code that is slow. The warning comes when the step is over, as
** it tells the whole time; a step that seems to have no end is warned of before.
*/
static void on_sample(lua_State *L, lua_Debug *ar) {
  (void)ar;
  SrRuntime *rt = sr_find_runtime(L);
  if (!rt->debug.is_on) { /* switched off in this step, or before: a coroutine of the user's own inherits the hook */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  int64_t elapsed = (int64_t)uv_hrtime() - rt->debug.step_started;
  if (sr_current_task(rt) == NULL || elapsed < rt->debug.slow || rt->debug.step_warned) return;
  if (rt->debug.step_slow > 0 && elapsed < rt->debug.step_slow + ENDLESS) return;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (rt->debug.step_slow == 0) {
    rt->debug.step_slow = elapsed;
    keep_place(L, rt);
    return;
  }
  rt->debug.step_warned = true;
  keep_place(L, rt);
  sr_push_task(L, rt->current);
  warn_slow(L, lua_gettop(L), elapsed, " and goes on");
  lua_pop(L, 1);
}

static void watch(lua_State *co) {
  if (lua_gethook(co) == NULL) lua_sethook(co, on_sample, LUA_MASKCOUNT | LUA_MASKRET, SAMPLE);
}

static void unwatch(lua_State *co) {
  if (lua_gethook(co) == on_sample) lua_sethook(co, NULL, 0, 0);
}

int sr_debug_start(lua_State *L, SrTask *t) {
  SrRuntime *rt = t->rt;
  sr_push_task(L, t);
  rt->debug.step_started = (int64_t)uv_hrtime();
  rt->debug.step_warned = false;
  rt->debug.step_slow = 0;
  if (rt->debug.is_recording) sr_record_start(t);
  if (rt->debug.is_on && t->co != NULL) watch(t->co);
  return lua_gettop(L);
}

void sr_debug_move(lua_State *from, lua_State *to) {
  if (lua_gethook(from) != on_sample) return;
  unwatch(from);
  watch(to);
}

void sr_debug_stop(lua_State *L, int index, lua_State *co) {
  SrTask *t = (SrTask *)lua_touserdata(L, index);
  SrRuntime *rt = t->rt;
  int64_t elapsed = (int64_t)uv_hrtime() - rt->debug.step_started;
  unwatch(co);
  if (rt->debug.is_on && elapsed >= rt->debug.slow) {
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, t->future.state == SR_ENDED ? NULL : co);
    lua_pushinteger(L, (lua_Integer)elapsed);
    sr_protected(L, l_warn_slow, 3, 0);
  }
  if (rt->debug.is_recording) sr_record_step(L, index);
  lua_remove(L, index);
}

/* --- left behind ------------------------------------------------------------ */

void sr_debug_cut_off(lua_State *L, SrRuntime *rt) {
  if (!rt->debug.is_on) return;
  sr_push_all_tasks(L, rt);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    sr_push_task_line(L, (SrTask *)lua_touserdata(L, -1));
    warn("a task is cut off at the end of run:", lua_tostring(L, -1));
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

void sr_debug_forgotten(lua_State *L) {
  if (sr_find_runtime(L)->debug.is_on) warn(lua_tostring(L, -1), "");
}

static void warn_collected(lua_State *L, const char *name, const char *place) {
  lua_pushfstring(L, "%s opened at %s was closed by the collector: close it, or declare it as local x <close>", name,
                  place);
  warn(lua_tostring(L, -1), "");
  lua_pop(L, 1);
}

void sr_debug_collected(lua_State *L, const saros_resource *resource, const char *name) {
  if (!sr_find_runtime(L)->debug.is_on) return;
  sr_push_resource_place(L, resource);
  warn_collected(L, name, lua_tostring(L, -1));
  lua_pop(L, 1);
}

int sr_l_place(lua_State *L) {
  SrScope scope;
  if (!sr_rt(L)->debug.is_on) return 0;
  sr_place(L, sr_rt(L), &scope);
  sr_push_place(L, &scope);
  return 1;
}

int sr_l_collected(lua_State *L) {
  if (sr_rt(L)->debug.is_on) warn_collected(L, luaL_checkstring(L, 1), luaL_optstring(L, 2, "?"));
  return 0;
}

/* --- switching it on -------------------------------------------------------- */

static int64_t to_nanoseconds(double seconds) {
  return seconds < 1e9 ? (int64_t)(seconds * 1e9) : INT64_MAX;
}

int sr_l_debug(lua_State *L) {
  static const char *const known[] = {"slow", NULL};
  SrRuntime *rt = sr_rt(L);
  int64_t slow = DEFAULT_SLOW;
  if (lua_istable(L, 1)) {
    sr_check_options(L, "debug", 1, 1, known);
    if (lua_getfield(L, 1, "slow") != LUA_TNIL) slow = to_nanoseconds(sr_check_seconds(L, "debug", -1, 1));
  } else if (!lua_isboolean(L, 1))
    return sr_type_error(L, "debug", 1, 1, "boolean or table");
  rt->debug.is_on = lua_toboolean(L, 1);
  rt->debug.is_watching = rt->debug.is_on || rt->debug.is_recording;
  rt->debug.slow = slow;
  return 0;
}

void sr_open_debug(SrRuntime *rt) {
  const char *value = getenv("SAROS_DEBUG");
  rt->debug.slow = DEFAULT_SLOW;
  rt->debug.is_on = value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
  rt->debug.is_watching = rt->debug.is_on;
}
