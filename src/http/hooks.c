/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls for a transfer: they store and wake, and call nothing of libcurl but what it allows there.
** The body is buffered; beyond a bound libcurl is paused, and unpaused by the reader. All that it has read by then
** is taken: what libcurl holds back itself is lost when the transfer fails. That is why chunks are taken apart
** here, too.
*/
#include "http/transfer.h"

#include <math.h>

#include "http/answer.h"

/* So many bytes of body wait for a slow reader, and what libcurl reads at once, before the sender is held back. */
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

/* Enough waits for the reader, and not all has come. */
static int is_sated(const SrTransfer *transfer) {
  return !transfer->unbounded && sr_buffer_length(&transfer->body) >= BODY_BOUND && !sr_answer_is_whole(transfer);
}

/*
** libcurl gives the rest of what it has read and then stops. Told to pause in one direction it would read once more
** (7.88), so it has to be both: while the request leaves, the next piece is refused instead, and so held back.
*/
static void hold(SrTransfer *transfer) {
  if (transfer->paused || !is_sated(transfer) || sr_transfer_is_sending(transfer)) return;
  transfer->paused = 1;
  curl_easy_pause(transfer->channel->easy, CURLPAUSE_ALL);
}

/* Of a body that becomes too large, too, there is what came before it did. False: it ends here. */
static int take(SrTransfer *transfer, const char *bytes, size_t length) {
  curl_off_t room = transfer->coded ? (curl_off_t)length : transfer->plan->max_body - transfer->received;
  size_t count = (curl_off_t)length > room ? (size_t)room : length;
  if (!sr_buffer_append(&transfer->body, bytes, count)) return (int)refuse(transfer, "ENOMEM", "not enough memory");
  transfer->received += (curl_off_t)count;
  if (count < length) return (int)refuse(transfer, "ETOOLARGE", "the body is larger than max_body_size");
  return 1;
}

static int take_chunks(SrTransfer *transfer, const char *bytes, size_t length) {
  SrPiece piece = {bytes, length};
  while (piece.left > 0) {
    const char *data;
    size_t count = sr_chunks_take(&transfer->chunks, &piece, &data);
    if (transfer->chunks.place == SR_CHUNK_BROKEN) return (int)refuse(transfer, "EPROTO", "a malformed chunk");
    if (transfer->chunks.place == SR_CHUNK_LARGE)
      return (int)refuse(transfer, "ETOOLARGE", "the extensions or trailers of the chunks are too large");
    if (count > 0 && !take(transfer, data, count)) return 0;
  }
  return 1;
}

/* One block for all that may come before it is read, if that is known. */
static void reserve(SrTransfer *transfer, size_t length) {
  curl_off_t expected = transfer->head.length;
  if (transfer->body.data == NULL && expected > (curl_off_t)length)
    sr_buffer_reserve(&transfer->body, expected < BODY_BOUND ? (size_t)expected : BODY_BOUND);
}

/* Lines of a head come here first, and then to on_head. */
static size_t foresee(SrTransfer *transfer, const char *piece, size_t length) {
  const SrHeadFault *fault = sr_head_foresee(&transfer->head, piece, length);
  return fault == NULL ? length : refuse(transfer, fault->code, fault->message);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  size_t length = size * count;
  if (!transfer->open) return length; /* it was held back until nobody wanted it */
  if (!transfer->head_done && !transfer->plan->extras.digest) return foresee(transfer, bytes, length);
  if (!transfer->head_done) sr_transfer_finish_head(transfer);
  if (!transfer->paused && is_sated(transfer)) {
    transfer->paused = 1;
    return CURL_WRITEFUNC_PAUSE;
  }
  sr_transfer_touch(transfer);
  reserve(transfer, length);
  if (!(transfer->head.chunked ? take_chunks : take)(transfer, bytes, length)) return 0;
  hold(transfer);
  if (sr_buffer_length(&transfer->body) > 0) sr_transfer_wake(transfer, SR_AWAITS_DATA);
  sr_transfer_look_for_early_end(transfer);
  return length;
}

static size_t on_wanted(char *out, size_t size, size_t count, void *ctx) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  if (transfer->upload == NULL) return CURL_READFUNC_PAUSE; /* it was stopped */
  sr_transfer_touch(transfer);
  return sr_upload_take(transfer->upload, out, size * count);
}

/*
** libcurl would send any request again on a connection that turned out dead, and by HTTP/1.1 if the server asks for
** that, even in the midst of an answer.
*/
static int on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port) {
  SrTransfer *transfer = ((SrChannel *)ctx)->transfer;
  (void)peer, (void)own, (void)peer_port, (void)own_port;
  if (transfer->head_done || transfer->sends++ >= transfer->plan->sends) return CURL_PREREQFUNC_ABORT;
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

const SrHooks sr_transfer_hooks = {on_head, on_body, on_wanted, on_connected, on_progress};
