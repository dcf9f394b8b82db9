/* SPDX-License-Identifier: MIT */
/*
** What libcurl does not tell of a name that it did not find: whether there is no such name, or nobody could
** be asked. So the system is asked once more.
*/
#ifndef SR_HTTP_LOOKUP_H
#define SR_HTTP_LOOKUP_H

#include <stdbool.h>
#include <lua.h>
#include <stddef.h>

#include "saros.h"

typedef struct SrHttpLookup SrHttpLookup;

/*
** Looks the name up in a thread of its own. on_answer runs on the loop, unless the lookup is dropped before;
** `again`: nobody could be asked. NULL: no memory, or no thread.
*/
SrHttpLookup *sr_http_lookup_start(uv_loop_t *loop, const char *name, size_t length,
                                   void (*on_answer)(void *owner, bool again), void *owner);

/* The answer is of no more interest; whoever is still asking is left behind. Ends every lookup. */
void sr_http_lookup_drop(SrHttpLookup *lookup);

/* Adds is_address() to the table on top. [-0, +0, m] */
void sr_http_open_lookup(lua_State *L);

#endif
