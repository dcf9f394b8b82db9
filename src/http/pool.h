/* SPDX-License-Identifier: MIT */
/*
** A pool: connections, limits and idle channels of one session.
**
** It is a Lua userdata that lives as long as its session; what belongs to a loop
** (the multi handles, their sockets) is made at first use in a run and closed at its end.
*/
#ifndef SR_HTTP_POOL_H
#define SR_HTTP_POOL_H

#include "http/channel.h"
#include "http/slots.h"

struct SrTransfer;

typedef struct SrPool {
  saros_resource resource; /* open while `attached` */
  saros_runtime *runtime;
  SrMulti *multi;               /* NULL until the first request of a run */
  SrMulti *lone;                /* the same, for plans that are `alone` */
  struct SrTransfer *transfers; /* all that wait or run */
  SrChannel *idle_channels;
  unsigned idle_count; /* of idle_channels */
  long max_idle;       /* see SrChannel */
  SrSlots slots;
  unsigned long long requests;    /* started */
  unsigned long long connections; /* opened */
  unsigned long long reused;      /* requests that needed no new connection */
  unsigned long long failed;      /* requests that failed or were cut off */
  unsigned char attached;         /* to the present run */
  unsigned char named;            /* its resource is an explicit session of this run */
  unsigned char closed;
} SrPool;

/* The API of the runtime; set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_saros;

/* The pool at `index`, or an argument error. [-0, +0, v] */
SrPool *sr_pool_check(lua_State *L, int index);

/* Makes the pool part of the present run. Raises without memory. [-0, +0, m] */
void sr_pool_attach(lua_State *L, SrPool *pool);

/* The multi handle that a request goes to, of an attached pool. NULL: no memory. */
SrMulti *sr_pool_multi(SrPool *pool, int alone);

/* An idle channel, NULL: no memory. */
SrChannel *sr_pool_take_channel(SrPool *pool);
void sr_pool_give_channel(SrPool *pool, SrChannel *channel);

/* pool(options): limit, limit_per_host, keepalive, session [-1, +1, v] */
int sr_pool_new(lua_State *L);

/* Registers the metatable. [-0, +0, m] */
void sr_pool_open(lua_State *L);

#endif
