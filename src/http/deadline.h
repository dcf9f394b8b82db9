/* SPDX-License-Identifier: MIT */
/*
** The deadlines of a transfer: which of them holds in the present phase, and what it means when it passes.
*/
#ifndef SR_HTTP_DEADLINE_H
#define SR_HTTP_DEADLINE_H

#include <stdbool.h>
#include "http/state.h"

/* The transfer begins to connect. */
void sr_http_deadline_begin(SrHttpTransfer *transfer);

/* Its name has not been found and is looked up once more. */
void sr_http_deadline_look_up(SrHttpTransfer *transfer);

/* When the transfer is to be looked at next; HUGE_VAL for never. */
double sr_http_deadline_nearest(const SrHttpTransfer *transfer);

/*
** While it connects: whether it is time to have libcurl go on. It gives up one address of a host after a while, and
** then waits for nothing before it tries the next.
*/
bool sr_http_deadline_nudges(SrHttpTransfer *transfer, double now);

/* Whether a deadline has passed, which is the transfer's failure then. */
bool sr_http_deadline_passes(SrHttpTransfer *transfer, double now);

/* libcurl, which knows of the limits for connecting, has given up before our own timer; or by a limit of its own. */
void sr_http_deadline_fail_connecting(SrHttpTransfer *transfer);

#endif
