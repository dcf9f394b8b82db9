/* SPDX-License-Identifier: MIT */
/*
** The life of a transfer, from the pool's line to the last byte.
*/
#ifndef SR_HTTP_TRANSFER_H
#define SR_HTTP_TRANSFER_H

#include "http/state.h"

#define SR_HTTP_TRANSFER_TYPE "saros.http.transfer"

/* The transfer begins: it is the pool's and its deadlines run. */
void sr_http_transfer_begin(SrHttpTransfer *transfer, SrHttpPool *pool);

/* It has its slot and a loaded easy handle: sends the request. It may have ended when this returns. */
void sr_http_transfer_launch(SrHttpTransfer *transfer, SrHttpEasy *easy);

/* Sets the timer to the nearest deadline of the present phase. */
void sr_http_transfer_arm(SrHttpTransfer *transfer);

/* Bytes have been taken from the body, or all are wanted: goes on if it had paused. */
void sr_http_transfer_resume(SrHttpTransfer *transfer);

/* Its starved upload has bytes again, or has ended. The transfer may have ended when this returns. */
void sr_http_transfer_feed(SrHttpTransfer *transfer);

/*
** The end, whoever brings it about: timer, easy handle and slot are given back and the task is woken.
** Idempotent; cuts off what is under way.
*/
void sr_http_transfer_end(SrHttpTransfer *transfer);

/* Fails and ends. */
void sr_http_transfer_fail(SrHttpTransfer *transfer, const char *name, const char *code, const char *message);

/* Of every await on a transfer: cancelling it, in whatever phase, ends the request and frees its slot at once. */
int sr_http_transfer_abort(saros_wait *wait);

/* A slot has been granted to the transfer that contains it. */
void sr_http_transfer_granted(SrHttpSlot *slot);

/* libcurl is done with it. It ends, but for a request that is sent again or a name that is looked up once more. */
void sr_http_transfer_finish(SrHttpTransfer *transfer, CURLcode result);

/* --- for hooks, which are called from inside libcurl and may not end a transfer --- */

/* libcurl reads from its socket, or does not. */
void sr_http_transfer_listens(SrHttpTransfer *transfer, bool listens);

/* Whether some of the request is still to leave. */
bool sr_http_transfer_is_sending(const SrHttpTransfer *transfer);

/* The task goes on if it waits for this. */
void sr_http_transfer_wake(SrHttpTransfer *transfer, SrHttpAwaited awaited);

/* As sr_http_transfer_arm. False: no memory. */
bool sr_http_transfer_try_arm(SrHttpTransfer *transfer);

/* A byte has come or gone: the read timeout begins anew. */
void sr_http_transfer_touch(SrHttpTransfer *transfer);

/* The head is there: what comes now is the body. */
void sr_http_transfer_finish_head(SrHttpTransfer *transfer);

/*
** However a response ends, libcurl goes on sending its request to the end, or pauses for good. Nothing of libcurl may
** be called from its callbacks, so the timer is set to stop it.
*/
void sr_http_transfer_look_for_early_end(SrHttpTransfer *transfer);

#endif
