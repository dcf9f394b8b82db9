/* SPDX-License-Identifier: MIT */
/*
** The line of a shared connection. See line.h.
**
** Each command is a call: a task that waits here, or a message of Lua's, which keeps account of that itself. Calls are
** answered in their order. A call has two owners, the line as long as its reply is due, and the task as long as it
** waits; the last to let go gives it back. A task that is cancelled leaves its call in the line, where it takes its
** reply along: so no reply ever goes to another call.
**
** The value of a reply is kept for its task in the line's table, under the number of the call.
*/
#include "redis/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/buffer.h"
#include "redis/codec.h"

#define CLASS "saros.redis.line"

enum { LARGE = 1 << 20 }; /* a buffer of more bytes than that is not kept */

typedef enum Outcome {
  WAITING, /* none yet */
  VALUE,   /* a value is in the table */
  FAULT,   /* the text of an error reply is there */
  LATE,    /* no reply in time */
  BROKEN,  /* the connection broke, and it may have run */
  UNSENT,  /* the connection broke before it was sent */
} Outcome;

/* As Lua hears of them. */
static const char *const names[] = {
    [WAITING] = NULL, [VALUE] = NULL, [FAULT] = NULL, [LATE] = "late", [BROKEN] = "broken", [UNSENT] = "unsent"};

typedef struct Call {
  saros_wait wait;
  struct Call *next; /* in the line, or among the free ones */
  struct Call *made; /* the one that was made before it, of all */
  lua_Integer number;
  double since; /* when it was given to the line */
  Outcome outcome;
  bool is_message; /* of Lua's: it has no task */
  bool is_due;     /* the line owns it */
  bool is_awaited; /* the task owns it */
  bool is_sent;
} Call;

typedef struct Line {
  SrBuffer out;       /* what is to be sent */
  Call *first, *last; /* calls whose replies are due */
  Call *unsent;       /* the first of those that are not sent yet, NULL: all are */
  Call *free, *made;  /* those that nobody owns; the one that was made last */
  saros_wait writer;  /* who waits for something to send */
  lua_Integer count;  /* of calls that were made */
  lua_Integer live;   /* calls that a task waits for */
  double timeout;
  double now;        /* when the first of those was given that are sent together */
  lua_Integer calls; /* that were given to it */
  bool is_open;      /* it takes calls */
  bool is_resting;   /* nobody watches deadlines, as there are none: calls go the long way */
  bool is_closed;
} Line;

static const saros_api *saros;

static Line *check_line(lua_State *L) {
  return (Line *)luaL_checkudata(L, 1, CLASS);
}

/* ---- Calls -------------------------------------------------------------------------------------- */

/* One that nobody owns. [-0, +0, v] */
static Call *new_call(lua_State *L, Line *line) {
  Call *call = line->free;
  if (call != NULL) {
    line->free = call->next;
    call->next = NULL;
    return call;
  }
  call = (Call *)calloc(1, sizeof *call);
  if (call == NULL) luaL_error(L, "not enough memory");
  call->made = line->made;
  line->made = call;
  call->number = ++line->count;
  return call;
}

static void drop_call(Line *line, Call *call) {
  if (call->is_due || call->is_awaited) return;
  call->next = line->free;
  line->free = call;
}

/* Puts a call at the end of the line. */
static void append(Line *line, Call *call, bool is_message) {
  call->next = NULL;
  call->outcome = WAITING;
  call->is_message = is_message;
  call->is_due = true;
  call->is_awaited = !is_message;
  call->is_sent = false;
  if (line->last != NULL)
    line->last->next = call;
  else
    line->first = call;
  line->last = call;
  if (line->unsent == NULL) line->unsent = call;
  if (!is_message) line->live++;
  saros->wake(&line->writer);
}

/* Takes the first call off the line. */
static void advance(Line *line) {
  Call *call = line->first;
  line->first = call->next;
  if (line->first == NULL) line->last = NULL;
  if (line->unsent == call) line->unsent = line->first;
  call->is_due = false;
  drop_call(line, call);
}

/* Whether a task still waits for this call. */
static bool is_live(const Call *call) {
  return call->is_awaited && call->outcome == WAITING && call->wait.task != NULL;
}

/* Tells the task of a call what came of it. */
static void settle(Line *line, Call *call, Outcome outcome) {
  if (!is_live(call)) return;
  call->outcome = outcome;
  line->live--;
  saros->wake(&call->wait);
}

/* The table of values of the line at 1. [-0, +1, -] */
static void push_values(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
}

/* Gives the value on top of the stack to the first call, which leaves the line. [-1, +0, m] */
static void answer(lua_State *L, Line *line, Outcome outcome) {
  Call *call = line->first;
  if (call != NULL && is_live(call)) {
    push_values(L);
    lua_insert(L, -2);
    lua_rawseti(L, -2, call->number); /* runs finalizers, which may have closed the line */
    settle(line, call, outcome);
  }
  lua_pop(L, 1);
  if (call != NULL && line->first == call) advance(line);
}

static int abort_call(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind call_kind = {"reply of redis", abort_call};

/* ---- Methods ------------------------------------------------------------------------------------ */

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
static Line *ready_line(lua_State *L) {
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
  Line *line = (Line *)lua_touserdata(L, -1);
  if (line == NULL || !line->is_open || line->is_resting) {
    lua_pop(L, 2);
    return NULL;
  }
  lua_insert(L, 1);
  lua_insert(L, 2);
  return line;
}

/* Takes the value of a call from the table. [-0, +1, m] */
static void push_value(lua_State *L, Call *call) {
  push_values(L);
  lua_rawgeti(L, -1, call->number);
  lua_pushnil(L);
  lua_rawseti(L, -3, call->number);
  lua_remove(L, -2);
}

/* Lets Lua say what becomes of a call that has no value. [-0, +?, v] */
static int recover(lua_State *L, Call *call) {
  int top = lua_gettop(L);
  luaL_checkstack(L, top + 2, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(RECOVER));
  lua_pushvalue(L, AT_CLIENT);
  lua_pushvalue(L, AT_CONNECTION);
  if (call->outcome == FAULT)
    push_value(L, call);
  else
    lua_pushnil(L);
  lua_pushstring(L, names[call->outcome]); /* nil for NULL */
  for (int i = AT_ARGUMENTS; i <= top; i++) lua_pushvalue(L, i);
  lua_callk(L, lua_gettop(L) - top - 1, LUA_MULTRET, top, k_results);
  return k_results(L, LUA_OK, top);
}

/* The task lets go of its call. */
static void leave(Line *line, Call *call) {
  call->is_awaited = false;
  drop_call(line, call);
}

static int k_method(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Line *line = (Line *)lua_touserdata(L, AT_LINE);
  Call *call = (Call *)ctx;
  if (saros->aborted(L)) {
    line->live--;
    leave(line, call);
    return saros->raise(L);
  }
  Call came = *call;
  leave(line, call); /* nobody else gives a value to it before it is called again */
  if (came.outcome != VALUE) return recover(L, &came);
  push_value(L, &came);
  return 1;
}

/* Puts the command at the end of the line. [-0, +0, v] */
static Call *give_command(lua_State *L, Line *line, size_t total) {
  size_t length;
  const char *name = lua_tolstring(L, lua_upvalueindex(NAME), &length);
  Call *call = new_call(L, line);
  if (!sr_buffer_reserve(&line->out, total + length)) {
    drop_call(line, call);
    luaL_error(L, "not enough memory");
  }
  bool is_first = sr_buffer_length(&line->out) == 0; /* of those that are sent together */
  char *at = line->out.data + line->out.size;
  line->out.size += (size_t)(sr_redis_put_arguments(L, name, length, AT_ARGUMENTS, at) - at);
  if (is_first || line->first == NULL) line->now = saros->now(saros->runtime(L));
  call->since = line->now;
  append(line, call, false);
  line->calls++;
  return call;
}

/* The method of a command: method(client, ...). Sends it and waits for its reply. */
static int l_method(lua_State *L) {
  Line *line = ready_line(L);
  if (line == NULL) return call_slowly(L);
  saros->check(L, lua_tostring(L, lua_upvalueindex(CALLER)));
  size_t total;
  if (sr_redis_measure(L, AT_ARGUMENTS, &total) > 0) {
    lua_remove(L, AT_LINE);
    lua_remove(L, AT_LINE); /* the connection */
    return call_slowly(L);
  }
  if (saros->cancelled(L)) return saros->raise(L);
  Call *call = give_command(L, line, total);
  return saros->park(L, &call->wait, &call_kind, k_method, (lua_KContext)call);
}

int sr_redis_l_method(lua_State *L) {
  lua_settop(L, RECOVER);
  lua_pushliteral(L, "_shared");
  lua_pushliteral(L, "line");
  lua_pushcclosure(L, l_method, LINE);
  return 1;
}

/* ---- Messages ----------------------------------------------------------------------------------- */

/* line:post(bytes): sends a message of Lua's, which waits for its replies by itself. */
static int l_post(lua_State *L) {
  Line *line = check_line(L);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  Call *call = new_call(L, line);
  if (!sr_buffer_append(&line->out, bytes, length)) {
    drop_call(line, call);
    return luaL_error(L, "not enough memory");
  }
  append(line, call, true);
  return 0;
}

/* ---- Replies ------------------------------------------------------------------------------------ */

/*
** line:scan(buffer, position): answers calls with the replies that begin there, as long as they are whole and values,
** and the calls are those of tasks. The position behind them.
*/
static int l_scan(lua_State *L) {
  Line *line = check_line(L);
  size_t length;
  const char *buffer = luaL_checklstring(L, 2, &length);
  lua_Integer position = luaL_checkinteger(L, 3);
  lua_settop(L, 3);
  if (position < 1 || (lua_Unsigned)position > length) return 1;
  SrRedisCursor cursor = {.at = buffer + position - 1, .end = buffer + length};
  const char *start = cursor.at;
  while (line->first != NULL && !line->first->is_message && sr_redis_push_reply(L, &cursor)) {
    answer(L, line, VALUE);
    start = cursor.at;
  }
  lua_pushinteger(L, (lua_Integer)(start - buffer) + 1);
  return 1;
}

/* line:reply(value, err): answers the first call. False if that is a message; nil if there is none. */
static int l_reply(lua_State *L) {
  Line *line = check_line(L);
  lua_settop(L, 3);
  if (line->first == NULL) return 0;
  bool is_message = line->first->is_message, is_fault = !lua_isnil(L, 3);
  if (!is_message) {
    if (!is_fault) lua_settop(L, 2);
    answer(L, line, is_fault ? FAULT : VALUE);
  }
  lua_pushboolean(L, !is_message);
  return 1;
}

/* line:advance(): all replies to the first message have come. */
static int l_advance(lua_State *L) {
  Line *line = check_line(L);
  if (line->first != NULL) advance(line);
  return 0;
}

/* line:expire(now): tasks that have waited too long go on. When the next one will have, or nil; and since when the
** latest of those had waited. */
static int l_expire(lua_State *L) {
  Line *line = check_line(L);
  double now = luaL_checknumber(L, 2), since = -1;
  lua_settop(L, 0);
  lua_pushnil(L);
  for (Call *call = line->first; call != NULL; call = call->next) {
    if (!is_live(call)) continue;
    if (call->since + line->timeout > now) {
      lua_pushnumber(L, call->since + line->timeout);
      lua_replace(L, 1);
      break;
    }
    since = call->since;
    settle(line, call, LATE);
  }
  if (since < 0) return 1;
  lua_pushnumber(L, since);
  return 2;
}

/* line:live(): for how many calls a task waits; and how many there were. */
static int l_live(lua_State *L) {
  Line *line = check_line(L);
  lua_pushinteger(L, line->live);
  lua_pushinteger(L, line->calls);
  return 2;
}

/* line:take_calls(is_open): whether it takes calls from now on. */
static int l_take_calls(lua_State *L) {
  Line *line = check_line(L);
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
static int push_output(lua_State *L, Line *line) {
  if (line->is_closed) return 0;
  lua_pushlstring(L, sr_buffer_front(&line->out), sr_buffer_length(&line->out));
  sr_buffer_clear(&line->out);
  if (line->out.capacity > LARGE) sr_buffer_free(&line->out);
  for (Call *call = line->unsent; call != NULL; call = call->next) call->is_sent = true;
  line->unsent = NULL;
  return 1;
}

static int k_output(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (saros->aborted(L)) return saros->raise(L);
  return push_output(L, (Line *)lua_touserdata(L, 1));
}

/* line:output(): waits for something to send; nil once the line is closed. */
static int l_output(lua_State *L) {
  Line *line = check_line(L);
  saros->check(L, "output");
  if (saros->cancelled(L)) return saros->raise(L);
  lua_settop(L, 1);
  if (line->is_closed || sr_buffer_length(&line->out) > 0) return push_output(L, line);
  return saros->park(L, &line->writer, &writer_kind, k_output, 0);
}

/* line:close(): the connection is gone. Calls that were sent are broken, the others can go elsewhere. */
static int l_close(lua_State *L) {
  Line *line = check_line(L);
  line->is_closed = true;
  line->is_open = false;
  while (line->first != NULL) {
    settle(line, line->first, line->first->is_sent ? BROKEN : UNSENT);
    advance(line);
  }
  saros->wake(&line->writer);
  return 0;
}

static int l_gc(lua_State *L) {
  Line *line = (Line *)lua_touserdata(L, 1);
  while (line->made != NULL) {
    Call *call = line->made;
    line->made = call->made;
    free(call);
  }
  line->first = line->last = line->unsent = line->free = NULL;
  sr_buffer_free(&line->out);
  return 0;
}

int sr_redis_l_line(lua_State *L) {
  double timeout = luaL_checknumber(L, 1);
  Line *line = (Line *)lua_newuserdatauv(L, sizeof *line, 1);
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
  saros = api;
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
