/* SPDX-License-Identifier: MIT */
/* The line of a shared connection, as Lua has it. See line.h. */
#include "redis/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "redis/call.h"
#include "redis/codec.h"

#define CLASS "saros.redis.line"

enum { LARGE = 1 << 20 }; /* a buffer of more bytes than that is not kept */

static SrRedisLine *check_line(lua_State *L) {
  return (SrRedisLine *)luaL_checkudata(L, 1, CLASS);
}

/* ---- Messages ----------------------------------------------------------------------------------- */

/* On the stack of a task that has sent a message. */
enum { AT_LINE = 1, AT_MESSAGE, AT_REPLIES = SR_REDIS_REPLIES, AT_ERRORS = SR_REDIS_ERRORS };

/* The value; of several replies the list and the errors among them, nil if there are none. [-0, +(1-2), m] */
static int push_values(lua_State *L, const SrRedisCall *call) {
  if (call->count == 0) return 1;
  if (call->has_null) {
    lua_pushinteger(L, call->count);
    lua_setfield(L, AT_REPLIES, "n");
  }
  lua_settop(L, call->has_error ? AT_ERRORS : AT_REPLIES);
  return call->has_error ? 2 : 1;
}

static int k_perform(lua_State *L, int status, lua_KContext ctx) {
  SrRedisCall *call = (SrRedisCall *)ctx, came = *call;
  (void)status;
  if (sr_redis_saros->aborted(L)) {
    sr_redis_leave_call(call);
    return sr_redis_saros->raise(L);
  }
  sr_redis_leave_call(call);
  if (came.outcome == SR_REDIS_VALUE) return push_values(L, &came);
  lua_pushnil(L);
  if (came.outcome == SR_REDIS_FAULT) {
    lua_insert(L, -2);
    return 2;
  }
  lua_pushnil(L);
  lua_pushstring(L, sr_redis_outcomes[came.outcome]);
  lua_pushinteger(L, came.came + 1);
  return 4;
}

/*
** line:perform(message [, count]): sends it and waits for its reply, of which an error is nil and its text. With a count
** for so many replies: gives a list of values and, if there are errors, a table of their texts. Without a reply: nil,
** nil, why ("late", "broken", "unsent"), and which one was the next to come.
*/
static int l_perform(lua_State *L) {
  SrRedisLine *line = check_line(L);
  size_t length;
  const char *message = luaL_checklstring(L, AT_MESSAGE, &length);
  lua_Integer count = luaL_optinteger(L, 3, 0);
  lua_settop(L, AT_MESSAGE);
  if (count > 0) {
    lua_createtable(L, count < 65536 ? (int)count : 0, 0);
    lua_newtable(L);
  }
  if (sr_redis_saros->check(L, "perform")) return sr_redis_saros->raise(L);
  if (line->is_closed) {
    lua_settop(L, 0);
    lua_settop(L, 2);
    lua_pushstring(L, sr_redis_outcomes[SR_REDIS_UNSENT]);
    lua_pushinteger(L, 1);
    return 4;
  }
  SrRedisCall *call = sr_redis_new_call(L, line, length);
  memcpy(line->out.data + line->out.size, message, length);
  sr_redis_append_call(call, length, count);
  return sr_redis_await_call(L, call, k_perform);
}

/* ---- Replies ------------------------------------------------------------------------------------ */

/*
** line:scan(buffer, position): answers calls with the replies that begin there, as long as they are whole and no errors.
** The position behind them.
*/
static int l_scan(lua_State *L) {
  SrRedisLine *line = check_line(L);
  size_t length;
  const char *buffer = luaL_checklstring(L, 2, &length);
  lua_Integer position = luaL_checkinteger(L, 3);
  lua_settop(L, 3);
  if (position < 1 || (lua_Unsigned)position > length) return 1;
  SrRedisCursor cursor = {.at = buffer + position - 1, .end = buffer + length};
  const char *start = cursor.at;
  while (line->first != NULL && sr_redis_push_reply(L, &cursor)) {
    if (line->first == NULL) break; /* a finalizer has closed the line */
    sr_redis_answer(L, line, false);
    start = cursor.at;
  }
  lua_pushinteger(L, (lua_Integer)(start - buffer) + 1);
  return 1;
}

/* line:reply(value, err): answers the first call. False if there is none. */
static int l_reply(lua_State *L) {
  SrRedisLine *line = check_line(L);
  bool is_error = !lua_isnoneornil(L, 3), is_due = line->first != NULL;
  lua_settop(L, is_error ? 3 : 2);
  if (is_due) sr_redis_answer(L, line, is_error);
  lua_pushboolean(L, is_due);
  return 1;
}

/* line:expire(now): tasks that have waited too long go on. When the next one will have, or nil; and since when the
** latest of those had waited. */
static int l_expire(lua_State *L) {
  SrRedisLine *line = check_line(L);
  double now = luaL_checknumber(L, 2), since = -1;
  lua_settop(L, 0);
  lua_pushnil(L);
  for (SrRedisCall *call = line->first; call != NULL; call = call->next) {
    if (!sr_redis_is_live(call)) continue;
    if (call->since + line->timeout > now) {
      lua_pushnumber(L, call->since + line->timeout);
      lua_replace(L, 1);
      break;
    }
    since = call->since;
    sr_redis_settle(call, SR_REDIS_LATE);
  }
  if (since < 0) return 1;
  lua_pushnumber(L, since);
  return 2;
}

/* line:live(): for how many calls a task waits; and how many there were of methods. */
static int l_live(lua_State *L) {
  SrRedisLine *line = check_line(L);
  lua_pushinteger(L, line->live);
  lua_pushinteger(L, line->calls);
  return 2;
}

/* line:connect(timeout): what is still waited for can be sent, and is late after so many seconds from now. */
static int l_connect(lua_State *L) {
  SrRedisLine *line = check_line(L);
  line->timeout = luaL_checknumber(L, 2);
  line->now = sr_redis_saros->now(sr_redis_saros->runtime(L));
  line->is_connected = true;
  sr_redis_withdraw(line);
  for (SrRedisCall *call = line->first; call != NULL; call = call->next) call->since = line->now;
  if (line->first != NULL) sr_redis_saros->wake(&line->writer);
  return 0;
}

/* line:take_calls(is_open): whether it takes calls of methods from now on. */
static int l_take_calls(lua_State *L) {
  SrRedisLine *line = check_line(L);
  line->is_open = lua_toboolean(L, 2) && !line->is_closed;
  return 0;
}

/* line:rest(is_resting): whether nobody watches deadlines. */
static int l_rest(lua_State *L) {
  check_line(L)->is_resting = lua_toboolean(L, 2);
  return 0;
}

/* ---- Sending ------------------------------------------------------------------------------------ */

static int abort_writer(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind writer_kind = {"commands for redis", abort_writer};

/* Takes what is to be sent. [-0, +1, m] */
static int push_output(lua_State *L, SrRedisLine *line) {
  if (line->is_closed) return 0;
  lua_pushlstring(L, sr_buffer_front(&line->out), sr_buffer_length(&line->out));
  sr_buffer_clear(&line->out);
  if (line->out.capacity > LARGE) sr_buffer_free(&line->out);
  line->is_writing = true;
  for (SrRedisCall *call = line->unsent; call != NULL; call = call->next) call->is_sent = true;
  line->unsent = NULL;
  return 1;
}

static int k_output(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (sr_redis_saros->aborted(L)) return sr_redis_saros->raise(L);
  return push_output(L, (SrRedisLine *)lua_touserdata(L, 1));
}

/* line:output(): waits for something to send; nil once the line is closed. */
static int l_output(lua_State *L) {
  SrRedisLine *line = check_line(L);
  line->is_writing = false;
  if (sr_redis_saros->check(L, "output")) return sr_redis_saros->raise(L);
  lua_settop(L, 1);
  bool is_ready = line->is_connected && sr_buffer_length(&line->out) > 0;
  if (line->is_closed || is_ready) return push_output(L, line);
  return sr_redis_saros->park(L, &line->writer, &writer_kind, k_output, 0);
}

/*
** line:close(): the connection is gone. Calls that were sent are broken, and all of them if there never was one; the
** others can go elsewhere.
*/
static int l_close(lua_State *L) {
  SrRedisLine *line = check_line(L);
  line->is_closed = true;
  line->is_open = false;
  while (line->first != NULL) {
    bool is_broken = line->first->is_sent || !line->is_connected;
    sr_redis_settle(line->first, is_broken ? SR_REDIS_BROKEN : SR_REDIS_UNSENT);
    sr_redis_advance(line);
  }
  sr_redis_saros->wake(&line->writer);
  return 0;
}

static int l_gc(lua_State *L) {
  SrRedisLine *line = check_line(L);
  while (line->made != NULL) {
    SrRedisCall *call = line->made;
    line->made = call->made;
    free(call);
  }
  line->first = line->last = line->unsent = line->free = NULL;
  sr_buffer_free(&line->out);
  return 0;
}

int sr_redis_l_line(lua_State *L) {
  double timeout = luaL_checknumber(L, 1);
  lua_settop(L, 2);
  SrRedisLine *line = (SrRedisLine *)lua_newuserdatauv(L, sizeof *line, 1);
  memset(line, 0, sizeof *line);
  line->timeout = timeout;
  luaL_setmetatable(L, CLASS);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

void sr_redis_open_line(lua_State *L, const saros_api *api) {
  static const luaL_Reg methods[] = {{"perform", l_perform},       {"scan", l_scan}, {"reply", l_reply},
                                     {"expire", l_expire},         {"live", l_live}, {"connect", l_connect},
                                     {"take_calls", l_take_calls}, {"rest", l_rest}, {"output", l_output},
                                     {"close", l_close},           {NULL, NULL}};
  sr_redis_saros = api;
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
