/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls for a transfer: they store and wake, and call nothing of libcurl. The body is
** buffered up to a bound; beyond it libcurl is paused, and unpaused by the reader.
*/
#include "http/transfer.h"

#include <math.h>

#include "http/answer.h"

/* Bytes of body that wait for a slow reader before the sender is held back. */
#define BODY_BOUND 65536

/* Ends the transfer from within a callback: libcurl reports the refusal as done, and this was the cause. */
static size_t refuse(SrTransfer *transfer, const char *code, const char *message) {
  sr_failure_set(&transfer->failure, "FetchError", code, message);
  return 0;
}

void sr_transfer_finish_head(SrTransfer *transfer) {
  transfer->head_done = 1;
  transfer->coded = (unsigned char)sr_codings_any(&transfer->head.codings);
  transfer->head_at = sr_saros->now(transfer->pool->runtime);
  sr_transfer_wake(transfer, SR_AWAITS_HEAD);
  sr_transfer_look_for_early_end(transfer);
}

/* libcurl asks without the body first, and sends it whether it is challenged or not. */
static int is_of_question(const SrTransfer *transfer) {
  const SrPlan *plan = transfer->plan;
  if (!transfer->digest) return 0;
  return transfer->head.status == 401 || (transfer->head.status < 300 && (plan->body != NULL || plan->streamed));
}

/* An upload that has nothing to send was not to be hurried; the answer, which has begun, is. False: no memory. */
static int end_head(SrTransfer *transfer) {
  if (transfer->head.status < 200) return 1;
  if (is_of_question(transfer)) {
    transfer->digest = 0; /* the next answer is final */
    transfer->sends = 0;
    return 1;
  }
  int was_starved = sr_transfer_is_starved(transfer);
  sr_transfer_finish_head(transfer);
  return !was_starved || sr_transfer_try_arm(transfer);
}

static size_t on_head(char *line, size_t size, size_t count, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  size_t length = size * count;
  if (!transfer->open) return length;
  sr_transfer_touch(transfer);
  int is_trailer = transfer->head_done;
  const SrHeadFault *fault =
      is_trailer ? sr_head_trail(&transfer->head, length) : sr_head_add(&transfer->head, line, length);
  if (fault != NULL) return refuse(transfer, fault->code, fault->message);
  if (transfer->head.ended && !is_trailer && !end_head(transfer))
    return refuse(transfer, "ENOMEM", "not enough memory");
  return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  size_t length = size * count;
  if (!transfer->open) return length; /* it was held back until nobody wanted it */
  if (!transfer->head_done) sr_transfer_finish_head(transfer);
  if (!transfer->unbounded && sr_buffer_length(&transfer->body) >= BODY_BOUND) {
    transfer->paused = 1;
    return CURL_WRITEFUNC_PAUSE;
  }
  sr_transfer_touch(transfer);
  if (transfer->body.data == NULL && transfer->head.length > (curl_off_t)length)
    sr_buffer_reserve(&transfer->body, transfer->head.length < BODY_BOUND ? (size_t)transfer->head.length : BODY_BOUND);
  if (!transfer->coded && (curl_off_t)length > transfer->plan->max_body - transfer->received)
    return refuse(transfer, "ETOOLARGE", "the body is larger than max_body_size");
  if (!sr_buffer_append(&transfer->body, bytes, length)) return refuse(transfer, "ENOMEM", "not enough memory");
  transfer->received += (curl_off_t)length;
  sr_transfer_wake(transfer, SR_AWAITS_DATA);
  sr_transfer_look_for_early_end(transfer);
  return length;
}

static size_t on_wanted(char *out, size_t size, size_t count, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  if (transfer->upload == NULL) return CURL_READFUNC_PAUSE; /* it was stopped */
  sr_transfer_touch(transfer);
  return sr_upload_take(transfer->upload, out, size * count);
}

/* libcurl would send any request again on a connection that turned out dead. */
static int on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  (void)peer, (void)own, (void)peer_port, (void)own_port;
  if (transfer->sends++ >= transfer->plan->sends) return CURL_PREREQFUNC_ABORT;
  transfer->connected = 1;
  sr_transfer_touch(transfer);
  if (transfer->plan->limits.read == HUGE_VAL || sr_transfer_try_arm(transfer)) return CURL_PREREQFUNC_OK;
  refuse(transfer, "ENOMEM", "not enough memory");
  return CURL_PREREQFUNC_ABORT;
}

static int on_progress(void *ctx, curl_off_t to_come, curl_off_t received, curl_off_t to_send, curl_off_t sent) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  (void)to_come, (void)received, (void)to_send;
  if (transfer != NULL && sent != transfer->sent) {
    transfer->sent = sent;
    sr_transfer_touch(transfer);
  }
  return 0;
}

static int on_traffic(CURL *easy, curl_infotype type, char *bytes, size_t length, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  (void)easy;
  if (type == CURLINFO_DATA_IN && transfer != NULL && transfer->head_done && transfer->head.chunked) {
    sr_chunks_scan(&transfer->chunks, bytes, length);
    sr_transfer_look_for_early_end(transfer);
  }
  return 0;
}

const SrHooks sr_transfer_hooks = {on_head, on_body, on_wanted, on_connected, on_progress, on_traffic};
