/* SPDX-License-Identifier: MIT */
/*
** The short way through Redis' protocol. Commands are written here; of replies those are read that are wholly in a
** chunk and made of what is common. What is cut off, rare or wrong is left to lua/saros/redis/resp.lua, which knows
** everything: nothing is kept from call to call.
*/
#ifndef SR_REDIS_CODEC_H
#define SR_REDIS_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

typedef struct SrRedisCursor {
  const char *at, *end;
} SrRedisCursor;

/* Pushes the reply at the cursor, which moves behind it. Where that fails, anything may be on the stack. [-0, +1, m] */
bool sr_redis_push_reply(lua_State *L, SrRedisCursor *cursor);

/*
** What a command with the values from `first` to `last` takes at most, without its head. Gives the index of the first
** one that is neither string nor number, or 0. [-0, +0, -]
*/
int sr_redis_measure(lua_State *L, int first, int last, size_t *total);

/* Writes the command of a head that is written already, "$4\r\nECHO\r\n", and those values. Gives its end. [-0, +0, -] */
char *sr_redis_put_arguments(lua_State *L, const char *head, size_t length, int first, int last, char *at);

int sr_redis_l_scan(lua_State *L);
int sr_redis_l_encode(lua_State *L);

#endif
