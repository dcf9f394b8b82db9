/* SPDX-License-Identifier: MIT */
/*
** libcurl as what carries transfers: the backend, see http/backend.h.
*/
#ifndef SR_CURL_EXCHANGE_H
#define SR_CURL_EXCHANGE_H

#include "curl/easy.h"

/* The beginning of a transfer; it may have ended when this returns. The handle carries it until `release`. */
void sr_curl_exchange_start(SrHttpTransfer *transfer, SrCurlEasy *easy);

/* See SrHttpBackend. */
void sr_curl_exchange_go_on(SrHttpTransfer *transfer);
void sr_curl_exchange_on_time(SrHttpTransfer *transfer, double now);

/* libcurl is done with it. It ends, but for a request that is sent again or a name that is looked up once more. */
void sr_curl_exchange_finish(SrHttpTransfer *transfer, CURLcode result);

/* Takes the handle out of its multi handle. False: it is of no more use. */
bool sr_curl_exchange_take_out(SrHttpTransfer *transfer, bool was_connected);

/* --- for hooks, which are called from inside libcurl and may not end a transfer --- */

/* libcurl reads from its socket, or does not. */
void sr_curl_exchange_listens(SrHttpTransfer *transfer, bool listens);

/* Whether some of the request is still to leave. */
bool sr_curl_exchange_is_sending(const SrHttpTransfer *transfer);

/* The head is there. */
void sr_curl_exchange_finish_head(SrHttpTransfer *transfer);

/*
** However a response ends, libcurl goes on sending its request to the end, or pauses for good. Nothing of libcurl may
** be called from its callbacks, so the backend is called to stop it.
*/
void sr_curl_exchange_look_for_early_end(SrHttpTransfer *transfer);

#endif
