/* SPDX-License-Identifier: MIT */
/*
** The deadlines of a transfer: which of them holds in the present phase, and what it means when it passes.
*/
#ifndef SR_HTTP_DEADLINE_H
#define SR_HTTP_DEADLINE_H

#include <stdbool.h>

#include "http/state.h"

/* A deadline counts as reached when the timer fires this much early, in seconds. */
#define SR_HTTP_TIMER_SLACK 0.0005

/* The transfer begins to connect, at that time or now. */
void sr_http_deadline_begin_at(SrHttpTransfer *transfer, double now);
void sr_http_deadline_begin(SrHttpTransfer *transfer);

/* When the transfer is to be looked at next; HUGE_VAL for never. */
double sr_http_deadline_nearest(const SrHttpTransfer *transfer);

/* Whether a deadline has passed, which is the transfer's failure then. */
bool sr_http_deadline_passes(SrHttpTransfer *transfer, double now);

/* A backend that knows of the limits for connecting has given up before our own timer; or by a limit of its own. */
void sr_http_deadline_fail_connecting(SrHttpTransfer *transfer);

#endif
