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
** What the command made of the values from `first` to the top takes at most. Gives the index of the first one that is
** neither string nor number, or 0. [-0, +0, -]
*/
int sr_redis_measure(lua_State *L, int first, size_t *total);

/* Writes that command, as the server reads it. Gives its end. [-0, +0, -] */
char *sr_redis_put_command(lua_State *L, int first, char *at);

/* The same behind a name that is written already: "$4\r\nPING\r\n". [-0, +0, -] */
char *sr_redis_put_arguments(lua_State *L, const char *name, size_t length, int first, char *at);

int sr_redis_l_scan(lua_State *L);
int sr_redis_l_encode(lua_State *L);

#endif
