/* SPDX-License-Identifier: MIT */
/*
** How far the response of a transfer has come. That is not always what libcurl says: it takes no interest
** in the end of a response while the request has not left.
*/
#ifndef SR_CURL_RESPONSE_H
#define SR_CURL_RESPONSE_H

#include <stdbool.h>

#include "curl/easy.h"

/* Whether all of it has come, as far as it told how much that is. */
bool sr_curl_response_is_whole(const SrHttpTransfer *transfer);

/* Nothing more comes, and the request still leaves: otherwise libcurl would have reported the end. */
bool sr_curl_response_is_over(const SrHttpTransfer *transfer);

/* Whether it came in chunks, without the end of the last one. */
bool sr_curl_response_lacks_chunks(const SrHttpTransfer *transfer);

/* Whether the end that has come is not that of the body. */
bool sr_curl_response_is_cut(const SrHttpTransfer *transfer);

/* Whether this failure of the transfer takes nothing from the response. */
bool sr_curl_response_survives(const SrHttpTransfer *transfer, CURLcode result);

#endif
