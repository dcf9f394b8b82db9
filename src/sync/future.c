/* SPDX-License-Identifier: MIT */
/* Future: the bridge from callback code to tasks. See SrFuture in runtime/model.h. */
#include "sync/sync.h"

#include "runtime/error.h"
#include "runtime/failure.h"
#include "runtime/locals.h"

/* The user value with the list of functions given to on_done, until they are called. */
enum { CALLBACKS = 2 };

static SrFuture *check_future(lua_State *L, const char *function) {
  return (SrFuture *)sr_check_self(L, &sr_future_class, function);
}

/* future() */
static int l_future(lua_State *L) {
  sr_new_object(L, &sr_future_class, sizeof(SrFuture), CALLBACKS);
  return 1;
}

/* --- callbacks -------------------------------------------------------------- */

/* Spawns the function at `index` with the future at 1. [-0, +1, m] */
static SrTask *spawn_callback(lua_State *L, SrRuntime *rt, int index) {
  lua_pushvalue(L, index);
  lua_pushvalue(L, 1);
  return sr_spawn_free(L, rt, sr_current_task(rt), lua_gettop(L) - 1, 1);
}

/* (future, list of functions) */
static int l_call_back(lua_State *L) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    SrTask *called = spawn_callback(L, sr_rt(L), 3);
    if (called->has_locals) sr_locals_drop(L, called); /* those of who settles it; the function has its own */
    lua_settop(L, 2);
  }
  return 0;
}

/* Calls what waits for the end of the future at 1. [-0, +0, -] */
static void call_back(lua_State *L) {
  int top = lua_gettop(L);
  lua_pushvalue(L, 1);
  lua_getiuservalue(L, 1, CALLBACKS);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, CALLBACKS);
  if (!sr_protected(L, l_call_back, 2, 0)) {
    sr_push_memory_error(L);
    lua_pushnil(L);
    sr_report(L, top + 1, 1, top + 2, "");
  }
  lua_settop(L, top);
}

/* Adds the function at index 2 to the callbacks of a pending future. A finalizer may settle it. False: it has. [-0, +0, m] */
static bool add_callback(lua_State *L, SrFuture *future) {
  if (lua_getiuservalue(L, 1, CALLBACKS) == LUA_TNIL) {
    lua_newtable(L);
    if (future->status != SR_PENDING) return false;
    if (lua_getiuservalue(L, 1, CALLBACKS) == LUA_TNIL) { /* a finalizer may have added one, too */
      lua_pushvalue(L, -2);
      lua_setiuservalue(L, 1, CALLBACKS);
      lua_pop(L, 1);
    }
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  future->has_callbacks = true;
  return true;
}

/* future:on_done(fn): fn(future) in a later turn, as a task of its own, also if it is settled. Returns the future. */
static int l_on_done(lua_State *L) {
  SrFuture *future = check_future(L, "future:on_done");
  sr_check_function(L, "future:on_done", 2, 1);
  SrRuntime *rt = sr_rt(L);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (future->status == SR_PENDING) sr_locals_bind(L, rt, 2); /* finalizers run */
  if (future->status != SR_PENDING || !add_callback(L, future)) {
    if (!rt->is_running) return luaL_error(L, "future:on_done: no loop is running that could call the function");
    spawn_callback(L, rt, 3);
  }
  lua_settop(L, 1);
  return 1;
}

/* --- settling --------------------------------------------------------------- */

/*
** Who is first is decided once there is something to keep: making that lets finalizers run, which may settle it. What
** is kept are the values from index 2 on, or the error there.
*/
static int settle(lua_State *L, SrFuture *future, SrStatus status, const char *function) {
  bool is_running = sr_rt(L)->is_running;
  if (future->status != SR_PENDING) return lua_pushboolean(L, false), 1;
  if (future->has_callbacks && !is_running)
    return luaL_error(L, "%s: no loop is running that could call the functions given to on_done", function);
  uint32_t count = sr_push_outcome(L, 1, 2, status);
  bool is_first = future->status == SR_PENDING;
  if (is_first) {
    sr_keep_outcome(L, future, 1, count);
    sr_settle(L, future, status);
    if (future->has_callbacks && is_running) call_back(L);
  } else if (status == SR_FAILED)
    sr_open_failure_box(L); /* nobody is to be told of it */
  lua_pushboolean(L, is_first);
  return 1;
}

/* future:set(...): its results; false if it was settled already */
static int l_set(lua_State *L) {
  return settle(L, check_future(L, "future:set"), SR_DONE, "future:set");
}

/* future:fail(err): its error; false if it was settled already */
static int l_fail(lua_State *L) {
  SrFuture *future = check_future(L, "future:fail");
  if (lua_gettop(L) < 2) return sr_type_error(L, "future:fail", 2, 1, "value");
  return settle(L, future, SR_FAILED, "future:fail");
}

/* Pushes the CancelledError of a future for the reason at index 2, which may be nil. It is no task's own. [-0, +1, m] */
static void push_cancelled(lua_State *L) {
  bool is_text = lua_type(L, 2) == LUA_TSTRING;
  sr_push_error(L, "CancelledError", "ECANCELED", "the future was cancelled%s%s", is_text ? ": " : "",
                is_text ? lua_tostring(L, 2) : "");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "reason");
}

/* future:cancel([reason]): whoever awaits it gets CancelledError; false if it was settled already */
static int l_cancel(lua_State *L) {
  SrFuture *future = check_future(L, "future:cancel");
  lua_settop(L, 2);
  if (future->status == SR_PENDING) {
    push_cancelled(L);
    lua_replace(L, 2);
  }
  return settle(L, future, SR_CANCELLED, "future:cancel");
}

/* --- results ---------------------------------------------------------------- */

/* future:await(): its results, or its error. Waits. */
static int l_await(lua_State *L) {
  return sr_await(L, check_future(L, "future:await"), "future:await");
}

/* future:result(): as await of what is settled. Does not wait. */
static int l_result(lua_State *L) {
  SrFuture *future = check_future(L, "future:result");
  if (future->status == SR_PENDING) return luaL_error(L, "future:result: the future is pending (await it)");
  return sr_push_results(L, future, 1, NULL);
}

/* future:done() */
static int l_done(lua_State *L) {
  lua_pushboolean(L, check_future(L, "future:done")->status != SR_PENDING);
  return 1;
}

/* tostring(future): future (pending, 2 waiting) */
static int l_tostring(lua_State *L) {
  static const char *const states[] = {"pending", "done", "failed", "cancelled"};
  const SrFuture *future = check_future(L, "tostring");
  return sr_describe(L, &future->head, future->watchers, "%s", states[future->status]);
}

void sr_open_future(lua_State *L) {
  static const luaL_Reg functions[] = {{"future", l_future}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"set", l_set},       {"fail", l_fail},     {"await", l_await},     {"done", l_done},
      {"cancel", l_cancel}, {"result", l_result}, {"on_done", l_on_done}, {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_future_class, methods, meta);
  lua_pop(L, 1);
}
