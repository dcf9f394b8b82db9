/* SPDX-License-Identifier: MIT */
/*
** How far the answer of a transfer has come. That is not always what libcurl says: it takes no interest
** in the end of an answer while the request has not left.
*/
#ifndef SR_HTTP_ANSWER_H
#define SR_HTTP_ANSWER_H

#include "http/transfer.h"

/* Whether the answer may come before all of the request has left. */
int sr_answer_may_be_early(const SrTransfer *transfer);

/* Whether all of it has come, as far as it told how much that is. */
int sr_answer_is_whole(const SrTransfer *transfer);

/* Nothing more comes, and the request still leaves: otherwise libcurl would have reported the end. */
int sr_answer_is_over(const SrTransfer *transfer);

/* Whether the end that has come is not that of the body. */
int sr_answer_is_cut(const SrTransfer *transfer);

/* Whether this failure of the transfer takes nothing from the answer. */
int sr_answer_survives(const SrTransfer *transfer, CURLcode result);

#endif
