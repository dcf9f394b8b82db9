/* SPDX-License-Identifier: MIT */
/* Commands that are collected, to be sent in one message: what a pipeline is. Its bytes are memory of Lua's. */
#ifndef SR_REDIS_BATCH_H
#define SR_REDIS_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

typedef struct SrRedisBatch {
  char *bytes; /* in its user value */
  size_t size, capacity;
  lua_Integer count; /* of commands */
  bool is_over;      /* it takes no more */
} SrRedisBatch;

/* Makes room for so many more bytes in the batch at that index. [-0, +0, m] */
void sr_redis_reserve(lua_State *L, int index, size_t count);

/* batch(metatable): an empty one. */
int sr_redis_l_batch(lua_State *L);
/* collect(batch, command): keeps it. False: the batch is over. */
int sr_redis_l_collect(lua_State *L);
/* finish(batch): the message, and how many commands it has; the batch is over now. */
int sr_redis_l_finish(lua_State *L);

#endif
