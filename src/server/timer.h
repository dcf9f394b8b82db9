/* SPDX-License-Identifier: MIT */
/*
** Deadlines that are set anew with each request. The clock is asked for a call only where a deadline comes earlier than
** the call it has promised; one that comes too early looks again.
*/
#ifndef SR_SERVER_TIMER_H
#define SR_SERVER_TIMER_H

#include "server/state.h"

/* Moves the deadline to so many seconds from now; HUGE_VAL: there is none. False: no memory, and none is set. */
bool sr_server_timer_set(const SrServerCore *core, SrServerTimer *timer, double seconds);
/* The clock calls. Whether it is time. */
bool sr_server_timer_is_due(const SrServerCore *core, SrServerTimer *timer);
/* It is not needed any more: its memory may go. */
void sr_server_timer_stop(const SrServerCore *core, SrServerTimer *timer);

#endif
