/* SPDX-License-Identifier: MIT */
/*
** How far a response has come, see response.h.
*/
#include "curl/response.h"

#include <string.h>

bool sr_curl_response_is_whole(const SrHttpTransfer *transfer) {
  const SrWireHead *head = &transfer->head;
  if (!sr_http_has_head(transfer)) return false;
  if (head->chunked && sr_wire_body_has_ended(&sr_curl_easy_of(transfer)->chunks)) return true;
  return head->status == 204 || head->status == 304 || (head->length >= 0 && transfer->received >= head->length);
}

bool sr_curl_response_is_over(const SrHttpTransfer *transfer) {
  return sr_curl_response_is_whole(transfer) ||
         (sr_http_has_head(transfer) && sr_curl_easy_of(transfer)->not_reading && !transfer->paused);
}

bool sr_curl_response_lacks_chunks(const SrHttpTransfer *transfer) {
  const SrCurlEasy *easy = sr_curl_easy_of(transfer);
  SrWireText method = {transfer->request->method, strlen(transfer->request->method)};
  return transfer->head.chunked && !sr_wire_body_has_ended(&easy->chunks) &&
         sr_wire_framing_of_response(&easy->head.message.framing, transfer->head.status, method) == SR_WIRE_CHUNKED;
}

bool sr_curl_response_is_cut(const SrHttpTransfer *transfer) {
  return (transfer->head.chunked || transfer->head.length >= 0) && !sr_curl_response_is_whole(transfer);
}

/* libcurl could not send on because the stream has ended. It says nothing more where the stream has ended well. */
static bool is_end_of_stream(const SrHttpTransfer *transfer, CURLcode result) {
  return result == CURLE_HTTP2_STREAM && sr_curl_easy_of(transfer)->detail[0] == '\0' && transfer->head.length < 0;
}

/*
** A server that closes before it has read all of the request resets the connection. If only the end of the connection
** tells the end of the body, a reset is such an end, too; but not over TLS, which says goodbye before it ends.
*/
bool sr_curl_response_survives(const SrHttpTransfer *transfer, CURLcode result) {
  bool has_body = transfer->request->streamed || transfer->request->body_length > 0;
  if (sr_curl_response_is_whole(transfer)) return true;
  if (!sr_http_has_head(transfer) || !has_body) return false;
  if (is_end_of_stream(transfer, result)) return true;
  if (transfer->head.chunked || transfer->head.length >= 0 || transfer->request->https) return false;
  return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR;
}
