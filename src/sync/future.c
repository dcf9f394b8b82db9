/* SPDX-License-Identifier: MIT */
/* Future: the bridge from callback code to tasks. See SrFuture in runtime/state.h. */
#include "sync/sync.h"

static SrFuture *check_future(lua_State *L, const char *function) {
  return (SrFuture *)sr_check_self(L, &sr_future_class, function);
}

/* future() */
static int l_future(lua_State *L) {
  sr_new_object(L, &sr_future_class, sizeof(SrFuture), 1);
  return 1;
}

/* Who is first is decided once there is something to keep: making that lets finalizers run, which may settle it. */
static int settle(lua_State *L, SrFuture *future, SrStatus status) {
  if (future->status != SR_PENDING) return lua_pushboolean(L, false), 1;
  uint32_t count = sr_push_outcome(L, future, 1, 2, status);
  bool is_first = future->status == SR_PENDING;
  if (is_first) {
    sr_keep_outcome(L, future, 1, count);
    sr_settle(L, future, status);
  }
  lua_pushboolean(L, is_first);
  return 1;
}

/* future:set(...): its results; false if it was settled already */
static int l_set(lua_State *L) {
  return settle(L, check_future(L, "future:set"), SR_DONE);
}

/* future:fail(err): its error; false if it was settled already */
static int l_fail(lua_State *L) {
  SrFuture *future = check_future(L, "future:fail");
  if (lua_gettop(L) < 2) return sr_type_error(L, "future:fail", 2, 1, "value");
  return settle(L, future, SR_FAILED);
}

/* future:await(): its results, or its error. Waits. */
static int l_await(lua_State *L) {
  return sr_await(L, check_future(L, "future:await"), "future:await");
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
      {"set", l_set}, {"fail", l_fail}, {"await", l_await}, {"done", l_done}, {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_future_class, methods, meta);
  lua_pop(L, 1);
}
