/* SPDX-License-Identifier: MIT */
/*
** Ends of answers, see answer.h.
*/
#include "http/answer.h"

int sr_answer_may_be_early(const SrTransfer *transfer) {
  return transfer->plan->streamed || transfer->plan->body_length > SR_SENT_AT_ONCE;
}

int sr_answer_is_whole(const SrTransfer *transfer) {
  const SrHead *head = &transfer->head;
  if (!transfer->head_done) return 0;
  if (head->chunked && transfer->chunks.place == SR_CHUNK_END) return 1;
  return head->status == 204 || head->status == 304 || (head->length >= 0 && transfer->received >= head->length);
}

int sr_answer_is_over(const SrTransfer *transfer) {
  return sr_answer_is_whole(transfer) || (transfer->head_done && transfer->deaf && !transfer->paused);
}

int sr_answer_is_cut(const SrTransfer *transfer) {
  return (transfer->head.chunked || transfer->head.length >= 0) && !sr_answer_is_whole(transfer);
}

/* libcurl could not send on, as the stream has ended; had that not ended well, it would say how. */
static int is_end_of_stream(const SrTransfer *transfer, CURLcode result) {
  return result == CURLE_HTTP2_STREAM && transfer->channel->detail[0] == '\0' && transfer->head.length < 0;
}

/*
** A server that closes before it has read all of the request resets the connection: where the body
** ends with that, this is an end as good as any. Not so over TLS, where an end says that it is one.
*/
int sr_answer_survives(const SrTransfer *transfer, CURLcode result) {
  int has_body = transfer->plan->streamed || transfer->plan->body_length > 0;
  if (sr_answer_is_whole(transfer)) return 1;
  if (!transfer->head_done || !has_body) return 0;
  if (is_end_of_stream(transfer, result)) return 1;
  if (transfer->head.framed || transfer->plan->https) return 0;
  return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR;
}
