/* SPDX-License-Identifier: MIT */
/*
** What libcurl does not tell of a name that it did not find: whether there is no such name, or nobody could
** be asked. So the system is asked once more.
*/
#ifndef SR_CURL_LOOKUP_H
#define SR_CURL_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "saros.h"

typedef struct SrCurlLookup SrCurlLookup;

/*
** Looks the name up in a thread of its own. on_answer runs on the loop, unless the lookup is dropped before;
** `again`: nobody could be asked. NULL: no memory, or no thread.
*/
SrCurlLookup *sr_curl_lookup_start(uv_loop_t *loop, const char *name, size_t length,
                                   void (*on_answer)(void *owner, bool again), void *owner);

/* The answer is of no more interest; whoever is still asking is left behind. Ends every lookup. */
void sr_curl_lookup_drop(SrCurlLookup *lookup);

#endif
