/* SPDX-License-Identifier: MIT */
/*
** Ends of responses, see response.h.
*/
#include "http/response.h"

bool sr_http_response_is_whole(const SrHttpTransfer *transfer) {
  const SrWireHead *head = &transfer->head;
  if (!sr_http_has_head(transfer)) return false;
  if (head->chunked && transfer->chunks.place == SR_WIRE_CHUNK_END) return true;
  return head->status == 204 || head->status == 304 || (head->length >= 0 && transfer->received >= head->length);
}

bool sr_http_response_is_over(const SrHttpTransfer *transfer) {
  return sr_http_response_is_whole(transfer) ||
         (sr_http_has_head(transfer) && transfer->not_reading && !transfer->paused);
}

bool sr_http_response_is_cut(const SrHttpTransfer *transfer) {
  return (transfer->head.chunked || transfer->head.length >= 0) && !sr_http_response_is_whole(transfer);
}

/* libcurl could not send on, as the stream has ended; had that not ended well, it would say how. */
static bool is_end_of_stream(const SrHttpTransfer *transfer, CURLcode result) {
  return result == CURLE_HTTP2_STREAM && transfer->easy->detail[0] == '\0' && transfer->head.length < 0;
}

/*
** A server that closes before it has read all of the request resets the connection: where the body
** ends with that, this is an end as good as any. Not so over TLS, where an end says that it is one.
*/
bool sr_http_response_survives(const SrHttpTransfer *transfer, CURLcode result) {
  bool has_body = transfer->request->streamed || transfer->request->body_length > 0;
  if (sr_http_response_is_whole(transfer)) return true;
  if (!sr_http_has_head(transfer) || !has_body) return false;
  if (is_end_of_stream(transfer, result)) return true;
  if (transfer->head.framed || transfer->request->https) return false;
  return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR;
}
