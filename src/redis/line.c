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

/* line:post(bytes): sends a message of Lua's, which waits for its replies by itself. */
static int l_post(lua_State *L) {
  SrRedisLine *line = check_line(L);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  SrRedisCall *call = sr_redis_new_call(L, line);
  if (!sr_buffer_append(&line->out, bytes, length)) {
    sr_redis_drop_call(line, call);
    return luaL_error(L, "not enough memory");
  }
  sr_redis_append_call(line, call, true);
  return 0;
}

/* ---- Replies ------------------------------------------------------------------------------------ */

/* Gives the value on top of the stack to the first call, which leaves the line. [-1, +0, m] */
static void answer(lua_State *L, SrRedisLine *line, SrRedisOutcome outcome) {
  SrRedisCall *call = line->first;
  if (call != NULL && sr_redis_is_live(call)) {
    sr_redis_push_values(L);
    lua_insert(L, -2);
    lua_rawseti(L, -2, call->number); /* runs finalizers, which may have closed the line */
    sr_redis_settle(line, call, outcome);
  }
  lua_pop(L, 1);
  if (call != NULL && line->first == call) sr_redis_advance(line);
}

/*
** line:scan(buffer, position): answers calls with the replies that begin there, as long as they are whole and values,
** and the calls are those of tasks. The position behind them.
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
  while (line->first != NULL && !line->first->is_message && sr_redis_push_reply(L, &cursor)) {
    answer(L, line, SR_REDIS_VALUE);
    start = cursor.at;
  }
  lua_pushinteger(L, (lua_Integer)(start - buffer) + 1);
  return 1;
}

/* line:reply(value, err): answers the first call. False if that is a message; nil if there is none. */
static int l_reply(lua_State *L) {
  SrRedisLine *line = check_line(L);
  lua_settop(L, 3);
  if (line->first == NULL) return 0;
  bool is_message = line->first->is_message, is_fault = !lua_isnil(L, 3);
  if (!is_message) {
    if (!is_fault) lua_settop(L, 2);
    answer(L, line, is_fault ? SR_REDIS_FAULT : SR_REDIS_VALUE);
  }
  lua_pushboolean(L, !is_message);
  return 1;
}

/* line:sr_redis_advance(): all replies to the first message have come. */
static int l_advance(lua_State *L) {
  SrRedisLine *line = check_line(L);
  if (line->first != NULL) sr_redis_advance(line);
  return 0;
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
    sr_redis_settle(line, call, SR_REDIS_LATE);
  }
  if (since < 0) return 1;
  lua_pushnumber(L, since);
  return 2;
}

/* line:live(): for how many calls a task waits; and how many there were. */
static int l_live(lua_State *L) {
  SrRedisLine *line = check_line(L);
  lua_pushinteger(L, line->live);
  lua_pushinteger(L, line->calls);
  return 2;
}

/* line:take_calls(is_open): whether it takes calls from now on. */
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
  sr_redis_saros->check(L, "output");
  if (sr_redis_saros->cancelled(L)) return sr_redis_saros->raise(L);
  lua_settop(L, 1);
  if (line->is_closed || sr_buffer_length(&line->out) > 0) return push_output(L, line);
  return sr_redis_saros->park(L, &line->writer, &writer_kind, k_output, 0);
}

/* line:close(): the connection is gone. Calls that were sent are broken, the others can go elsewhere. */
static int l_close(lua_State *L) {
  SrRedisLine *line = check_line(L);
  line->is_closed = true;
  line->is_open = false;
  while (line->first != NULL) {
    sr_redis_settle(line, line->first, line->first->is_sent ? SR_REDIS_BROKEN : SR_REDIS_UNSENT);
    sr_redis_advance(line);
  }
  sr_redis_saros->wake(&line->writer);
  return 0;
}

static int l_gc(lua_State *L) {
  SrRedisLine *line = (SrRedisLine *)lua_touserdata(L, 1);
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
  SrRedisLine *line = (SrRedisLine *)lua_newuserdatauv(L, sizeof *line, 1);
  memset(line, 0, sizeof *line);
  line->timeout = timeout;
  luaL_setmetatable(L, CLASS);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

void sr_redis_open_line(lua_State *L, const saros_api *api) {
  static const luaL_Reg methods[] = {
      {"take_calls", l_take_calls}, {"rest", l_rest},       {"post", l_post},     {"scan", l_scan},
      {"reply", l_reply},           {"advance", l_advance}, {"expire", l_expire}, {"live", l_live},
      {"output", l_output},         {"close", l_close},     {NULL, NULL}};
  sr_redis_saros = api;
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
