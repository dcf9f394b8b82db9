/* SPDX-License-Identifier: MIT */
/* Calls of a line, see call.h. */
#include "redis/call.h"

#include <stdlib.h>

#include <lauxlib.h>

const saros_api *sr_redis_saros;

SrRedisCall *sr_redis_new_call(lua_State *L, SrRedisLine *line) {
  SrRedisCall *call = line->free;
  if (call != NULL) {
    line->free = call->next;
    call->next = NULL;
    return call;
  }
  call = (SrRedisCall *)calloc(1, sizeof *call);
  if (call == NULL) luaL_error(L, "not enough memory");
  call->made = line->made;
  line->made = call;
  call->number = ++line->count;
  return call;
}

void sr_redis_drop_call(SrRedisLine *line, SrRedisCall *call) {
  if (call->is_due || call->is_awaited) return;
  call->next = line->free;
  line->free = call;
}

void sr_redis_append_call(SrRedisLine *line, SrRedisCall *call, bool is_message) {
  call->next = NULL;
  call->outcome = SR_REDIS_WAITING;
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
  sr_redis_saros->wake(&line->writer);
}

void sr_redis_advance(SrRedisLine *line) {
  SrRedisCall *call = line->first;
  line->first = call->next;
  if (line->first == NULL) line->last = NULL;
  if (line->unsent == call) line->unsent = line->first;
  call->is_due = false;
  sr_redis_drop_call(line, call);
}

bool sr_redis_is_live(const SrRedisCall *call) {
  return call->is_awaited && call->outcome == SR_REDIS_WAITING && call->wait.task != NULL;
}

void sr_redis_settle(SrRedisLine *line, SrRedisCall *call, SrRedisOutcome outcome) {
  if (!sr_redis_is_live(call)) return;
  call->outcome = outcome;
  line->live--;
  sr_redis_saros->wake(&call->wait);
}

void sr_redis_push_values(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
}
