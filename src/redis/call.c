/* SPDX-License-Identifier: MIT */
/* Calls of a line, see call.h. */
#include "redis/call.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

const saros_api *sr_redis_saros;

const char *const sr_redis_outcomes[] = {
    [SR_REDIS_WAITING] = NULL, [SR_REDIS_VALUE] = NULL,      [SR_REDIS_FAULT] = NULL,
    [SR_REDIS_LATE] = "late",  [SR_REDIS_BROKEN] = "broken", [SR_REDIS_UNSENT] = "unsent"};

/* --- the life of a call -------------------------------------------------------- */

static SrRedisCall *make(SrRedisLine *line) {
  SrRedisCall *call = (SrRedisCall *)calloc(1, sizeof *call);
  if (call == NULL) return NULL;
  call->line = line;
  call->made = line->made;
  line->made = call;
  call->next = line->free;
  line->free = call;
  return call;
}

SrRedisCall *sr_redis_new_call(lua_State *L, SrRedisLine *line, size_t room) {
  SrRedisCall *call = line->free != NULL ? line->free : make(line);
  if (call == NULL || !sr_buffer_reserve(&line->out, room)) luaL_error(L, "not enough memory");
  line->free = call->next;
  call->task = L;
  return call;
}

static void drop(SrRedisCall *call) {
  if (call->is_due || call->is_awaited) return;
  call->next = call->line->free;
  call->line->free = call;
}

static void link_call(SrRedisLine *line, SrRedisCall *call) {
  call->next = NULL;
  if (line->last != NULL)
    line->last->next = call;
  else
    line->first = call;
  line->last = call;
  if (line->unsent == NULL) line->unsent = call;
}

void sr_redis_append_call(SrRedisCall *call, size_t size, lua_Integer count) {
  SrRedisLine *line = call->line;
  bool is_later = !line->is_connected || line->is_writing; /* than others that wait to be sent */
  if (is_later || sr_buffer_length(&line->out) == 0)
    line->now = sr_redis_saros->now(sr_redis_saros->runtime(call->task));
  line->out.size += size;
  call->since = line->now;
  call->size = size;
  call->count = count;
  call->came = 0;
  call->outcome = SR_REDIS_WAITING;
  call->has_null = call->has_error = call->is_sent = false;
  call->is_due = call->is_awaited = true;
  link_call(line, call);
  line->live++;
  if (line->is_connected) sr_redis_saros->wake(&line->writer);
}

void sr_redis_advance(SrRedisLine *line) {
  SrRedisCall *call = line->first;
  line->first = call->next;
  if (line->first == NULL) line->last = NULL;
  if (line->unsent == call) line->unsent = line->first;
  call->is_due = false;
  drop(call);
}

void sr_redis_withdraw(SrRedisLine *line) {
  SrRedisCall *call = line->first;
  if (call == NULL) return;
  char *from = line->out.data + line->out.head, *to = from;
  line->first = line->last = line->unsent = NULL;
  while (call != NULL) {
    SrRedisCall *next = call->next;
    size_t size = call->size;
    if (sr_redis_is_live(call)) {
      memmove(to, from, size);
      to += size;
      link_call(line, call);
    } else {
      call->is_due = false;
      drop(call);
    }
    from += size;
    call = next;
  }
  line->out.size -= (size_t)(from - to);
}

/* --- waiting --------------------------------------------------------------------- */

/* The reply is still to come. */
static int abort_call(saros_wait *wait) {
  SrRedisCall *call = (SrRedisCall *)(void *)((char *)wait - offsetof(SrRedisCall, wait));
  call->line->live--;
  return 1;
}

static const saros_kind call_kind = {"reply of redis", abort_call};

int sr_redis_await_call(lua_State *L, SrRedisCall *call, lua_KFunction k) {
  return sr_redis_saros->park(L, &call->wait, &call_kind, k, (lua_KContext)call);
}

void sr_redis_leave_call(SrRedisCall *call) {
  call->is_awaited = false;
  drop(call);
}

bool sr_redis_is_live(const SrRedisCall *call) {
  return call->wait.task != NULL;
}

void sr_redis_settle(SrRedisCall *call, SrRedisOutcome outcome) {
  if (!sr_redis_is_live(call)) return;
  call->outcome = outcome;
  call->line->live--;
  sr_redis_saros->wake(&call->wait);
}

/* --- replies --------------------------------------------------------------------- */

/* Puts what is on top into a table of the task. [-1, +0, m] */
static void collect(lua_State *L, SrRedisCall *call, bool is_error) {
  if (is_error)
    call->has_error = true;
  else if (lua_isnil(L, -1))
    call->has_null = true;
  lua_pushvalue(call->task, is_error ? SR_REDIS_ERRORS : SR_REDIS_REPLIES);
  lua_xmove(call->task, L, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, call->came + 1);
  lua_pop(L, 1);
}

void sr_redis_answer(lua_State *L, SrRedisLine *line, bool is_error) {
  SrRedisCall *call = line->first;
  bool is_there = sr_redis_is_live(call) && lua_status(call->task) == LUA_YIELD; /* else it was closed by hand */
  if (!is_there)
    lua_pop(L, 1);
  else if (call->count > 0)
    collect(L, call, is_error);
  else
    lua_xmove(L, call->task, 1);
  if (++call->came < call->count) return;
  sr_redis_settle(call, is_error && call->count == 0 ? SR_REDIS_FAULT : SR_REDIS_VALUE);
  sr_redis_advance(line);
}
