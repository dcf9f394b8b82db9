/* SPDX-License-Identifier: MIT */
/* Why an exchange failed, see failure.h. */
#include "http/failure.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

void sr_http_failure_set(SrHttpFailure *failure, const char *name, const char *code, const char *message) {
  if (failure->name != NULL) return;
  failure->name = name;
  failure->code = code;
  failure->message = strdup(message);
}

void sr_http_failure_timeout(SrHttpFailure *failure, const char *phase, double seconds) {
  if (failure->name != NULL) return;
  sr_http_failure_set(failure, "TimeoutError", "ETIMEDOUT", "");
  failure->phase = phase;
  failure->seconds = seconds;
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

void sr_http_failure_close(SrHttpFailure *failure) {
  sr_http_failure_free(failure);
  *failure = (SrHttpFailure){.name = "ClosedError", .code = "ECLOSED", .fixed = "the response is closed"};
}

/* What it says of itself, if anything. */
static const char *text_of(const SrHttpFailure *failure) {
  if (failure->fixed != NULL) return failure->fixed;
  return failure->message != NULL ? failure->message : failure->code;
}

int sr_http_failure_push(lua_State *L, const SrHttpFailure *failure) {
  luaL_checkstack(L, 3, NULL);
  lua_pushnil(L);
  lua_createtable(L, 0, 5);
  set_text(L, "name", failure->name);
  set_text(L, "code", failure->code);
  set_text(L, "message", text_of(failure));
  if (failure->phase != NULL) {
    set_text(L, "phase", failure->phase);
    lua_pushnumber(L, failure->seconds);
    lua_setfield(L, -2, "seconds");
  }
  if (failure->status != 0) {
    lua_pushinteger(L, failure->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushboolean(L, failure->stale);
  lua_setfield(L, -2, "stale");
  return 2;
}

void sr_http_failure_free(SrHttpFailure *failure) {
  free(failure->message);
  *failure = (SrHttpFailure){0};
}
