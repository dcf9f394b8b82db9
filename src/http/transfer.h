/* SPDX-License-Identifier: MIT */
/*
** The life of a transfer, from the pool's line to the last byte.
*/
#ifndef SR_HTTP_TRANSFER_H
#define SR_HTTP_TRANSFER_H

#include "http/state.h"

extern const SrHttpType sr_http_transfer_type;

/* When this many bytes wait for a slow reader, no more are read, which holds back the sender. */
enum { SR_HTTP_BODY_BOUND = 65536 };

/* --- for Lua's side ------------------------------------------------------------ */

/* The transfer begins: it is the pool's and its deadlines run. */
void sr_http_transfer_begin(SrHttpTransfer *transfer, SrHttpPool *pool);

/* It has its slot: sends the request. It may have ended when this returns. `now` is the runtime's clock. */
void sr_http_transfer_launch(SrHttpTransfer *transfer, double now);

/* Bytes have been taken from the body, or all are wanted: goes on if it had paused. */
void sr_http_transfer_resume(SrHttpTransfer *transfer);

/* Its starved upload has bytes again, or has ended. The transfer may have ended when this returns. */
void sr_http_transfer_feed(SrHttpTransfer *transfer);

/* Of every await on a transfer: cancelling it, in whatever phase, ends the request and frees its slot at once. */
int sr_http_transfer_abort(saros_wait *wait);

/* A slot has been granted to the transfer that contains it. */
void sr_http_transfer_granted(SrHttpSlot *slot);

/* --- for both, and for callbacks of the loop ------------------------------------- */

/* Sets the timer to the nearest deadline of the present phase. Without memory the transfer fails. */
void sr_http_transfer_arm(SrHttpTransfer *transfer);

/*
** The end, whoever brings it about: timer, backend and slot are given back and the task is woken.
** Idempotent; cuts off what is under way.
*/
void sr_http_transfer_end(SrHttpTransfer *transfer);

/* Fails and ends. */
void sr_http_transfer_fail(SrHttpTransfer *transfer, const char *name, const char *code, const char *message);

/* --- for backends: none of these ends a transfer ----------------------------------- */

/* The task goes on if it waits for this. */
void sr_http_transfer_wake(SrHttpTransfer *transfer, SrHttpAwaited awaited);

/* As sr_http_transfer_arm. False: no memory. */
bool sr_http_transfer_try_arm(SrHttpTransfer *transfer);

/* The backend is to be called as soon as the loop goes on. False: no memory. */
bool sr_http_transfer_call_back(SrHttpTransfer *transfer);

/* A byte has come or gone: the read timeout begins anew. */
void sr_http_transfer_touch(SrHttpTransfer *transfer);

/* It is connected, and the request leaves. False: no memory, which is its failure. */
bool sr_http_transfer_connected(SrHttpTransfer *transfer);

/* Keeps these lines of the head. False: no memory, which is its failure. */
bool sr_http_transfer_keep_head(SrHttpTransfer *transfer, const char *bytes, size_t length);

/* The head is there: what comes now is the body. */
void sr_http_transfer_finish_head(SrHttpTransfer *transfer);

/* Records a failure that is to end it. False. */
bool sr_http_transfer_refuse(SrHttpTransfer *transfer, const char *code, const char *message);

/* The first bytes of the body are about to be taken, so many are there: makes room for what may come before it is read. */
void sr_http_transfer_reserve(SrHttpTransfer *transfer, size_t length);

/*
** Takes bytes of the body, up to max_body_size: what came before the limit can still be read. False: it ends here, the
** failure is recorded. The reader is not woken.
*/
bool sr_http_transfer_take(SrHttpTransfer *transfer, const char *bytes, size_t length);

/* Whether enough bytes wait for the reader. */
bool sr_http_transfer_is_full(const SrHttpTransfer *transfer);

/* The upload is not wanted any more. */
void sr_http_transfer_stop_upload(SrHttpTransfer *transfer);

#endif
