/* SPDX-License-Identifier: MIT */
/* CancelledErrors. See cancel.h. */
#include "runtime/cancel.h"

#include "runtime/error.h"
#include "runtime/handle.h"
#include "runtime/place.h"
#include "runtime/scope.h"

/* Key of the serial of its cause in a CancelledError. */
static const char cause_key;

uint64_t sr_scope_serial(const SrScope *scope) {
  if (scope->kind == SR_SCOPE_RUN || scope->kind == SR_SCOPE_TASK) return 0;
  return ((const SrBlock *)(const void *)scope)->serial;
}

/* The serial of no block: a finalizer has closed the one that was cancelled, so nobody takes the error for its own. */
static const uint64_t NO_SERIAL = INT64_MAX;

/* Pushes why a scope is cancelled, as its message says it, or nil. The reason, or nil, is on top. [-0, +1, m] */
static void push_cause(lua_State *L, const SrScope *cause) {
  if (lua_type(L, -1) == LUA_TSTRING)
    lua_pushvalue(L, -1);
  else if (cause != NULL && cause->kind == SR_SCOPE_TIMEOUT && ((const SrBlock *)(const void *)cause)->expired) {
    sr_push_place(L, cause);
    lua_pushfstring(L, "the deadline set at %s has passed", lua_tostring(L, -1));
    lua_replace(L, -2);
  } else
    lua_pushnil(L);
}

void sr_push_cancelled(lua_State *L, SrTask *t, const SrScope *cause) {
  uint64_t serial = cause != NULL ? sr_scope_serial(cause) : NO_SERIAL;
  if (cause != NULL)
    sr_scope_push_reason(L, cause);
  else
    lua_pushnil(L);
  push_cause(L, cause);
  if (lua_isnil(L, -1))
    sr_push_error(L, "CancelledError", "ECANCELED", "cancelled");
  else
    sr_push_error(L, "CancelledError", "ECANCELED", "cancelled: %s", lua_tostring(L, -1));
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "reason");
  sr_push_task(L, t);
  lua_setfield(L, -2, "task");
  lua_pushinteger(L, (lua_Integer)serial);
  lua_rawsetp(L, -2, &cause_key);
}

bool sr_is_own_cancel(lua_State *L, int index, const SrTask *t, uint64_t *serial) {
  index = lua_absindex(L, index);
  if (!sr_is_error(L, index)) return false;
  lua_rawgetp(L, index, &cause_key);
  bool is_cancel = lua_isinteger(L, -1);
  *serial = (uint64_t)lua_tointeger(L, -1);
  lua_pushliteral(L, "task");
  lua_rawget(L, index);
  is_cancel = is_cancel && sr_test_task(L, -1) == t;
  lua_pop(L, 2);
  return is_cancel;
}

bool sr_is_cancel_by(lua_State *L, int index, const SrTask *t, const SrScope *cause) {
  uint64_t serial;
  return sr_is_own_cancel(L, index, t, &serial) && serial == sr_scope_serial(cause);
}

/* The field exists: that takes no memory. */
void sr_set_cancel_cause(lua_State *L, int index, const SrScope *cause) {
  index = lua_absindex(L, index);
  lua_pushinteger(L, (lua_Integer)sr_scope_serial(cause));
  lua_rawsetp(L, index, &cause_key);
}
