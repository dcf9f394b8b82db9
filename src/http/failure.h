/* SPDX-License-Identifier: MIT */
/*
** Why an exchange failed: written by callbacks in C, read by whoever raises it in Lua.
*/
#ifndef SR_HTTP_FAILURE_H
#define SR_HTTP_FAILURE_H

#include <lua.h>
#include <stdbool.h>

typedef struct SrHttpFailure {
  const char *name;  /* of the Error object, "FetchError"; NULL while nothing has failed */
  const char *code;  /* libuv's name where the system spoke, else one of the contract's */
  const char *phase; /* of a TimeoutError: "total", "connect", "read", "pool" */
  double seconds;    /* of a TimeoutError: what the caller allowed */
  bool stale;        /* a kept-alive connection turned out dead, and there was no response */
  int status;        /* EPROXY: what the proxy answered, 0 if nothing */
  char *message;     /* ours to free; NULL if there was no memory for it */
  const char *fixed; /* a message that is nobody's to free, or NULL */
} SrHttpFailure;

/* Records a failure, unless there is one already: the first one is the cause. */
void sr_http_failure_set(SrHttpFailure *failure, const char *name, const char *code, const char *message);

/* Records that a deadline passed. */
void sr_http_failure_timeout(SrHttpFailure *failure, const char *phase, double seconds);

/* nil and a table with the fields above, but for those that say nothing [-0, +2, m] */
int sr_http_failure_push(lua_State *L, const SrHttpFailure *failure);

/* In place of whatever it was: the response is closed. Takes no memory, which nobody would free behind a finalizer. */
void sr_http_failure_close(SrHttpFailure *failure);

void sr_http_failure_free(SrHttpFailure *failure);

#endif
