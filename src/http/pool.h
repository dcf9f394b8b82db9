/* SPDX-License-Identifier: MIT */
/*
** A pool: connections, limits and idle easy handles of one session.
**
** It is a Lua userdata that lives as long as its session; what belongs to a loop
** (the multi handles, their sockets) is made at first use in a run and closed at its end.
*/
#ifndef SR_HTTP_POOL_H
#define SR_HTTP_POOL_H

#include <stdbool.h>
#include "http/easy.h"
#include "http/slots.h"

struct SrHttpTransfer;

typedef struct SrHttpPool {
  saros_resource resource; /* open while `attached` */
  saros_runtime *runtime;
  SrHttpMulti *multi;               /* NULL until the first request of a run */
  SrHttpMulti *unshared;            /* the same, for requests that are `unshared` */
  struct SrHttpTransfer *transfers; /* all that wait or run */
  SrHttpEasy *idle_easies;
  unsigned idle_count; /* of idle_easies */
  long max_idle;       /* see SrHttpEasy */
  SrHttpSlots slots;
  unsigned long long requests;    /* started */
  unsigned long long connections; /* opened */
  unsigned long long reused;      /* requests that needed no new connection */
  unsigned long long failed;      /* requests that failed or were cut off */
  bool attached;                  /* to the present run */
  bool named;                     /* its resource is an explicit session of this run */
  bool closed;
} SrHttpPool;

/* The API of the runtime; set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_http_saros;

/* The pool at `index`, or an argument error. [-0, +0, v] */
SrHttpPool *sr_http_pool_check(lua_State *L, int index);

/* Makes the pool part of the present run. Raises without memory. [-0, +0, m] */
void sr_http_pool_attach(lua_State *L, SrHttpPool *pool);

/* The multi handle that a request goes to, of an attached pool. NULL: no memory. */
SrHttpMulti *sr_http_pool_multi(SrHttpPool *pool, bool unshared);

/* An idle easy handle, NULL: no memory. */
SrHttpEasy *sr_http_pool_take_easy(SrHttpPool *pool);
void sr_http_pool_give_easy(SrHttpPool *pool, SrHttpEasy *easy);

/* Registers the metatable and adds pool() to the table on top. [-0, +0, m] */
void sr_http_open_pool(lua_State *L);

#endif
