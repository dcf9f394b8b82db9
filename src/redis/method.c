/* SPDX-License-Identifier: MIT */
/* The methods of commands, see method.h. */
#include "redis/method.h"

#include <stdbool.h>

#include <lauxlib.h>

#include "redis/batch.h"
#include "redis/call.h"
#include "redis/codec.h"

/* Upvalues of the method of a command, and the arguments of what makes it. */
enum {
  SLOW = 1, /* does the same the long way: where there is no connection, or an argument is wrong */
  META,     /* of those that have the method */
  CALLER,   /* the method as its user knows it: "redis:get" */
  HEAD,     /* the command's own part of the message */
  RECOVER,  /* knows what becomes of a call that has no value: (client, connection, error reply, failure, ...) */
  METHOD,   /* the same in C */
  LINE,     /* the name of a client's field: the line of its present connection */
};

/* The object, and what follows it in the stack of a method. */
enum { AT_SELF = 1, AT_ARGUMENTS };

/* What the other upvalues hold. */
typedef struct Method {
  const void *meta;
  const char *caller, *head;
  size_t length; /* of the head */
} Method;

static const Method *this_method(lua_State *L) {
  return (const Method *)lua_touserdata(L, lua_upvalueindex(METHOD));
}

static int k_results(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return lua_gettop(L) - (int)ctx;
}

/* Does all of it the long way. [-0, +?, v] */
static int call_slowly(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(SLOW));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, k_results);
  return k_results(L, LUA_OK, 0);
}

/* Whether the object that the method was called on is one of those that have it. [-0, +0, -] */
static bool is_own(lua_State *L, const Method *method, int type) {
  if (lua_type(L, AT_SELF) != type || !lua_getmetatable(L, AT_SELF)) return false;
  bool is_same = lua_topointer(L, -1) == method->meta;
  lua_pop(L, 1);
  return is_same;
}

/* ---- Of a client -------------------------------------------------------------------------------- */

/* Pushes the line of the client, if it has one that is ready for a call. Else NULL. [-0, +(0|1), -] */
static SrRedisLine *ready_line(lua_State *L, const Method *method) {
  if (!is_own(L, method, LUA_TTABLE)) return NULL;
  lua_pushvalue(L, lua_upvalueindex(LINE));
  lua_rawget(L, AT_SELF);
  SrRedisLine *line = (SrRedisLine *)lua_touserdata(L, -1);
  if (line != NULL && line->is_open && !line->is_resting) return line;
  lua_pop(L, 1);
  return NULL;
}

/* Lets Lua say what becomes of a call that has no value. `line` is where its line is, behind the arguments. [-0, +?, v] */
static int recover(lua_State *L, SrRedisOutcome outcome, int line) {
  int top = lua_gettop(L);
  luaL_checkstack(L, top + 2, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(RECOVER));
  lua_pushvalue(L, AT_SELF);
  lua_getiuservalue(L, line, 1); /* the connection */
  if (outcome == SR_REDIS_FAULT)
    lua_pushvalue(L, top);
  else
    lua_pushnil(L);
  lua_pushstring(L, sr_redis_outcomes[outcome]); /* nil for NULL */
  for (int i = AT_ARGUMENTS; i < line; i++) lua_pushvalue(L, i);
  lua_callk(L, lua_gettop(L) - top - 1, LUA_MULTRET, top, k_results);
  return k_results(L, LUA_OK, top);
}

static int k_method(lua_State *L, int status, lua_KContext ctx) {
  SrRedisCall *call = (SrRedisCall *)ctx;
  SrRedisOutcome outcome = call->outcome;
  (void)status;
  if (sr_redis_saros->aborted(L)) {
    sr_redis_leave_call(call);
    return sr_redis_saros->raise(L);
  }
  sr_redis_leave_call(call);
  if (outcome == SR_REDIS_VALUE) return 1;
  return recover(L, outcome, lua_gettop(L) - (outcome == SR_REDIS_FAULT));
}

/* The method of a command: method(client, ...). Sends it and waits for its reply. */
static int l_method(lua_State *L) {
  const Method *method = this_method(L);
  int last = lua_gettop(L);
  SrRedisLine *line = ready_line(L, method);
  if (line == NULL) return call_slowly(L);
  bool is_cancelled = sr_redis_saros->check(L, method->caller);
  size_t total;
  if (sr_redis_measure(L, AT_ARGUMENTS, last, &total) > 0) {
    lua_settop(L, last);
    return call_slowly(L);
  }
  if (is_cancelled) return sr_redis_saros->raise(L);
  SrRedisCall *call = sr_redis_new_call(L, line, total + method->length);
  char *start = line->out.data + line->out.size;
  char *end = sr_redis_put_arguments(L, method->head, method->length, AT_ARGUMENTS, last, start);
  sr_redis_append_call(call, (size_t)(end - start), 0);
  line->calls++;
  return sr_redis_await_call(L, call, k_method);
}

/* ---- Of a pipeline ------------------------------------------------------------------------------ */

/* The method of a command: collector(batch, ...). Keeps it. */
static int l_collector(lua_State *L) {
  const Method *method = this_method(L);
  int last = lua_gettop(L);
  SrRedisBatch *batch = is_own(L, method, LUA_TUSERDATA) ? (SrRedisBatch *)lua_touserdata(L, AT_SELF) : NULL;
  size_t total;
  if (batch == NULL || batch->is_over || sr_redis_measure(L, AT_ARGUMENTS, last, &total) > 0) return call_slowly(L);
  total += method->length;
  if (batch->capacity - batch->size < total) sr_redis_reserve(L, AT_SELF, total);
  char *start = batch->bytes + batch->size;
  char *end = sr_redis_put_arguments(L, method->head, method->length, AT_ARGUMENTS, last, start);
  batch->size += (size_t)(end - start);
  batch->count++;
  lua_settop(L, AT_SELF);
  return 1;
}

/* ---- Making them -------------------------------------------------------------------------------- */

/* [-0, +1, m] */
static int make(lua_State *L, lua_CFunction function) {
  lua_settop(L, RECOVER);
  Method *method = (Method *)lua_newuserdatauv(L, sizeof *method, 0);
  *method = (Method){.meta = lua_topointer(L, META), .caller = luaL_checkstring(L, CALLER)};
  method->head = luaL_checklstring(L, HEAD, &method->length);
  lua_pushliteral(L, "_line");
  lua_pushcclosure(L, function, LINE);
  return 1;
}

int sr_redis_l_method(lua_State *L) {
  return make(L, l_method);
}

int sr_redis_l_collector(lua_State *L) {
  return make(L, l_collector);
}
