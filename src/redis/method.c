/* SPDX-License-Identifier: MIT */
/* The methods of commands, see method.h. */
#include "redis/method.h"

#include <stdbool.h>

#include <lauxlib.h>

#include "redis/call.h"
#include "redis/codec.h"

/* As Lua hears of them. */
static const char *const names[] = {
    [SR_REDIS_WAITING] = NULL, [SR_REDIS_VALUE] = NULL,      [SR_REDIS_FAULT] = NULL,
    [SR_REDIS_LATE] = "late",  [SR_REDIS_BROKEN] = "broken", [SR_REDIS_UNSENT] = "unsent"};

static int abort_call(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind call_kind = {"reply of redis", abort_call};

/* Upvalues of the method of a command. */
enum {
  SLOW = 1, /* does the same the long way: where there is no connection, or an argument is wrong */
  META,     /* of the clients that have the method */
  CALLER,   /* the method as its user knows it: "redis:get" */
  NAME,     /* the command's own part of the message */
  RECOVER,  /* knows what becomes of a call that has no value: (client, connection, error reply, failure, ...) */
  SHARED,   /* the name of a client's field: the connection that all share */
  LINE,     /* the name of its field: this line */
};

/* On the stack of a method that waits. */
enum { AT_LINE = 1, AT_CONNECTION, AT_CLIENT, AT_ARGUMENTS };

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

/* Puts line and connection below the client, if that has them and they are ready for a call. Else NULL. [-0, +(0|2), -] */
static SrRedisLine *ready_line(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) return NULL;
  bool is_client = lua_rawequal(L, -1, lua_upvalueindex(META));
  lua_pop(L, 1);
  if (!is_client) return NULL;
  lua_pushvalue(L, lua_upvalueindex(SHARED));
  if (lua_rawget(L, 1) != LUA_TTABLE) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_pushvalue(L, lua_upvalueindex(LINE));
  lua_rawget(L, -2);
  SrRedisLine *line = (SrRedisLine *)lua_touserdata(L, -1);
  if (line == NULL || !line->is_open || line->is_resting) {
    lua_pop(L, 2);
    return NULL;
  }
  lua_insert(L, 1);
  lua_insert(L, 2);
  return line;
}

/* Takes the value of a call from the table. [-0, +1, m] */
static void push_value(lua_State *L, SrRedisCall *call) {
  sr_redis_push_values(L);
  lua_rawgeti(L, -1, call->number);
  lua_pushnil(L);
  lua_rawseti(L, -3, call->number);
  lua_remove(L, -2);
}

/* Lets Lua say what becomes of a call that has no value. [-0, +?, v] */
static int recover(lua_State *L, SrRedisCall *call) {
  int top = lua_gettop(L);
  luaL_checkstack(L, top + 2, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(RECOVER));
  lua_pushvalue(L, AT_CLIENT);
  lua_pushvalue(L, AT_CONNECTION);
  if (call->outcome == SR_REDIS_FAULT)
    push_value(L, call);
  else
    lua_pushnil(L);
  lua_pushstring(L, names[call->outcome]); /* nil for NULL */
  for (int i = AT_ARGUMENTS; i <= top; i++) lua_pushvalue(L, i);
  lua_callk(L, lua_gettop(L) - top - 1, LUA_MULTRET, top, k_results);
  return k_results(L, LUA_OK, top);
}

/* The task lets go of its call. */
static void leave(SrRedisLine *line, SrRedisCall *call) {
  call->is_awaited = false;
  sr_redis_drop_call(line, call);
}

static int k_method(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrRedisLine *line = (SrRedisLine *)lua_touserdata(L, AT_LINE);
  SrRedisCall *call = (SrRedisCall *)ctx;
  if (sr_redis_saros->aborted(L)) {
    line->live--;
    leave(line, call);
    return sr_redis_saros->raise(L);
  }
  SrRedisCall came = *call;
  leave(line, call); /* nobody else gives a value to it before it is called again */
  if (came.outcome != SR_REDIS_VALUE) return recover(L, &came);
  push_value(L, &came);
  return 1;
}

/* Puts the command at the end of the line. [-0, +0, v] */
static SrRedisCall *give_command(lua_State *L, SrRedisLine *line, size_t total) {
  size_t length;
  const char *name = lua_tolstring(L, lua_upvalueindex(NAME), &length);
  SrRedisCall *call = sr_redis_new_call(L, line);
  if (!sr_buffer_reserve(&line->out, total + length)) {
    sr_redis_drop_call(line, call);
    luaL_error(L, "not enough memory");
  }
  bool is_first = sr_buffer_length(&line->out) == 0; /* of those that are sent together */
  char *at = line->out.data + line->out.size;
  line->out.size += (size_t)(sr_redis_put_arguments(L, name, length, AT_ARGUMENTS, at) - at);
  if (is_first || line->first == NULL) line->now = sr_redis_saros->now(sr_redis_saros->runtime(L));
  call->since = line->now;
  sr_redis_append_call(line, call, false);
  line->calls++;
  return call;
}

/* The method of a command: method(client, ...). Sends it and waits for its reply. */
static int l_method(lua_State *L) {
  SrRedisLine *line = ready_line(L);
  if (line == NULL) return call_slowly(L);
  sr_redis_saros->check(L, lua_tostring(L, lua_upvalueindex(CALLER)));
  size_t total;
  if (sr_redis_measure(L, AT_ARGUMENTS, &total) > 0) {
    lua_remove(L, AT_LINE);
    lua_remove(L, AT_LINE); /* the connection */
    return call_slowly(L);
  }
  if (sr_redis_saros->cancelled(L)) return sr_redis_saros->raise(L);
  SrRedisCall *call = give_command(L, line, total);
  return sr_redis_saros->park(L, &call->wait, &call_kind, k_method, (lua_KContext)call);
}

int sr_redis_l_method(lua_State *L) {
  lua_settop(L, RECOVER);
  lua_pushliteral(L, "_shared");
  lua_pushliteral(L, "line");
  lua_pushcclosure(L, l_method, LINE);
  return 1;
}
