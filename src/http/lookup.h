/* SPDX-License-Identifier: MIT */
/*
** What libcurl does not tell of a name that it did not find: whether there is no such name, or nobody could
** be asked. So the system is asked once more.
*/
#ifndef SR_HTTP_LOOKUP_H
#define SR_HTTP_LOOKUP_H

#include <lua.h>
#include <stddef.h>

#include "saros.h"

typedef struct SrHttpLookup SrHttpLookup;

/*
** Looks the name up in a thread of its own. on_answer runs on the loop, unless the lookup is dropped before;
** `again`: nobody could be asked. NULL: no memory, or no thread.
*/
SrHttpLookup *sr_http_lookup_start(uv_loop_t *loop, const char *name, size_t length,
                                   void (*on_answer)(void *owner, int again), void *owner);

/* The answer is of no more interest; whoever is still asking is left behind. Ends every lookup. */
void sr_http_lookup_drop(SrHttpLookup *lookup);

/* is_address(text): whether it is an IPv4 or IPv6 address, the latter with or without brackets. [-1, +1, v] */
int sr_http_lookup_is_address(lua_State *L);

#endif
