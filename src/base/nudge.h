/* SPDX-License-Identifier: MIT */
/*
** Interrupting a thread: having something called in it, whatever it does just then.
**
** On Unix that is SIGURG, which nobody else needs and which does nothing where it is not handled. It has a handler of
** ours only as long as somebody has been nudged and has not said that this is over; a program that handles it itself
** keeps its handler, and is not nudged.
*/
#ifndef SR_BASE_NUDGE_H
#define SR_BASE_NUDGE_H

#include <stdbool.h>

typedef struct SrNudge SrNudge;

/* For the calling thread; `call` may do only what a signal handler may. NULL: no memory. */
SrNudge *sr_nudge_new(void (*call)(void *arg), void *arg);
void sr_nudge_free(SrNudge *nudge);

/* Has call(arg) called in that thread, soon. This and sr_nudge_end are for one thread at a time. */
void sr_nudge_send(SrNudge *nudge);

/* That is over: call is called no more for what was sent before. */
void sr_nudge_end(SrNudge *nudge);

#endif
