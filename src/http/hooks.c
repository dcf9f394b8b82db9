/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls for transfers. The hooks of an easy handle store and wake, and call nothing of libcurl but what it
** allows there; the reports of a multi handle may end transfers.
**
** The body is buffered. Beyond a bound libcurl is paused, and the reader has it go on. All that it has read by then is
** taken, because what libcurl holds back itself is lost when the transfer fails. That is why chunks are taken apart
** here, too.
*/
#include "http/hooks.h"

#include <math.h>

#include "http/response.h"
#include "http/transfer.h"
#include "http/upload.h"

/* When this many bytes wait for a slow reader, libcurl is paused, which holds back the sender. */
enum { BODY_BOUND = 65536 };

/*
** Makes a callback end its transfer: it returns what libcurl takes for a refusal, and libcurl then reports the transfer
** as done. The failure recorded here is its cause. False.
*/
static bool refuse(SrHttpTransfer *transfer, const char *code, const char *message) {
  sr_http_failure_set(&transfer->failure, "FetchError", code, message);
  return false;
}

/*
** Whether this head answers the question of digest authentication rather than the request. libcurl asks without the
** body first, and then sends the body, whether it was challenged (401) or not.
*/
static bool is_of_question(const SrHttpTransfer *transfer) {
  const SrHttpRequest *request = transfer->request;
  if (!transfer->awaits_challenge) return false;
  return transfer->head.status == 401 || (transfer->head.status < 300 && (request->body != NULL || request->streamed));
}

/*
** The empty line behind a head. The read timeout was off while the upload starved; now that the response has begun it
** counts again. False: no memory.
*/
static bool end_head(SrHttpTransfer *transfer) {
  if (transfer->head.status < 200) return true;
  if (is_of_question(transfer)) {
    transfer->awaits_challenge = false; /* the next response is final */
    transfer->sends = 0;
    return true;
  }
  bool was_starved = sr_http_awaits_upload(transfer);
  sr_http_transfer_finish_head(transfer);
  return !was_starved || sr_http_transfer_try_arm(transfer);
}

/* Keeps a line for Lua. A status line begins a new head, so the lines before it are dropped. */
static const SrWireFault *keep_line(SrHttpTransfer *transfer, const char *line, size_t length) {
  static const SrWireFault memory = {"ENOMEM", "not enough memory"};
  if (sr_wire_head_begins(&transfer->head)) sr_buffer_clear(&transfer->lines);
  if (line[0] == '\r' || line[0] == '\n') return NULL;
  return sr_buffer_append(&transfer->lines, line, length) ? NULL : &memory;
}

static const SrWireFault *add_line(SrHttpTransfer *transfer, const char *line, size_t length) {
  const SrWireFault *fault = length > 0 ? sr_wire_head_add(&transfer->head, line, length) : NULL;
  return fault == NULL && length > 0 ? keep_line(transfer, line, length) : fault;
}

static size_t on_head(char *line, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrHttpEasy *)ctx)->transfer;
  size_t length = size * count;
  if (!sr_http_is_open(transfer)) return length;
  sr_http_transfer_touch(transfer);
  bool is_trailer = sr_http_has_head(transfer);
  const SrWireFault *fault =
      is_trailer ? sr_wire_head_trail(&transfer->head, length) : add_line(transfer, line, length);
  if (fault != NULL) return refuse(transfer, fault->code, fault->message);
  if (transfer->head.ended && !is_trailer && !end_head(transfer))
    return refuse(transfer, "ENOMEM", "not enough memory");
  return length;
}

/* Whether libcurl has to pause: enough bytes wait for the reader, and more are to come. */
static bool is_sated(const SrHttpTransfer *transfer) {
  return !transfer->unbounded && sr_buffer_length(&transfer->body) >= BODY_BOUND &&
         !sr_http_response_is_whole(transfer);
}

/*
** Pauses libcurl, which still gives the rest of what it has read. libcurl 7.88 reads once more when it is told to pause
** in one direction only, so it is told to pause in both. While the request still leaves that cannot be: then on_body
** refuses the next piece instead, which libcurl holds back.
*/
static void hold(SrHttpTransfer *transfer) {
  if (transfer->paused || !is_sated(transfer) || sr_http_transfer_is_sending(transfer)) return;
  transfer->paused = true;
  curl_easy_pause(transfer->easy->handle, CURLPAUSE_ALL);
}

/* Takes bytes of the body, up to max_body_size: what came before the limit can still be read. False: it ends here. */
static bool take(SrHttpTransfer *transfer, const char *bytes, size_t length) {
  curl_off_t room = sr_http_is_coded(transfer) ? (curl_off_t)length : transfer->request->max_body - transfer->received;
  size_t count = (curl_off_t)length > room ? (size_t)room : length;
  if (!sr_buffer_append(&transfer->body, bytes, count)) return refuse(transfer, "ENOMEM", "not enough memory");
  transfer->received += (curl_off_t)count;
  if (count < length) return refuse(transfer, "ETOOLARGE", "the body is larger than max_body_size");
  return true;
}

static bool take_chunks(SrHttpTransfer *transfer, const char *bytes, size_t length) {
  SrWirePiece piece = {bytes, length};
  while (piece.left > 0) {
    const char *data;
    size_t count = sr_wire_chunks_take(&transfer->chunks, &piece, &data);
    if (transfer->chunks.place == SR_WIRE_CHUNK_BROKEN) return refuse(transfer, "EPROTO", "a malformed chunk");
    if (transfer->chunks.place == SR_WIRE_CHUNK_LARGE)
      return refuse(transfer, "ETOOLARGE", "the extensions or trailers of the chunks are too large");
    if (count > 0 && !take(transfer, data, count)) return false;
  }
  return true;
}

/* If the length is known, one block is made for all that may come before it is read. */
static void reserve(SrHttpTransfer *transfer, size_t length) {
  curl_off_t expected = transfer->head.length;
  if (transfer->body.data == NULL && expected > (curl_off_t)length)
    sr_buffer_reserve(&transfer->body, expected < BODY_BOUND ? (size_t)expected : BODY_BOUND);
}

/*
** Lines of a head come here first, in pieces, and then to on_head. libcurl 7.88 adds a folded line to the header before
** it, even where that was freed with a former head: such a line is refused before libcurl takes note of it.
*/
static size_t foresee(SrHttpTransfer *transfer, const char *piece, size_t length) {
  bool begins = !transfer->within_line;
  if (length == 0) return 0;
  transfer->within_line = piece[length - 1] != '\n';
  if (!begins || transfer->head.fields || (piece[0] != ' ' && piece[0] != '\t')) return length;
  return refuse(transfer, "EPROTO", "a folded line before all headers");
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrHttpEasy *)ctx)->transfer;
  size_t length = size * count;
  if (!sr_http_is_open(transfer)) return length; /* libcurl had held it back, and now nobody wants it */
  if (!sr_http_has_head(transfer) && !transfer->request->extras.digest) return foresee(transfer, bytes, length);
  if (!sr_http_has_head(transfer)) sr_http_transfer_finish_head(transfer);
  if (!transfer->paused && is_sated(transfer)) {
    transfer->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  sr_http_transfer_touch(transfer);
  reserve(transfer, length);
  if (!(transfer->head.chunked ? take_chunks : take)(transfer, bytes, length)) return 0;
  hold(transfer);
  if (sr_buffer_length(&transfer->body) > 0) sr_http_transfer_wake(transfer, SR_HTTP_AWAITS_DATA);
  sr_http_transfer_look_for_early_end(transfer);
  return length;
}

static size_t on_wanted(char *out, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrHttpEasy *)ctx)->transfer;
  if (transfer->upload == NULL) return CURL_READFUNC_PAUSE; /* it was stopped */
  sr_http_transfer_touch(transfer);
  return sr_http_upload_take(transfer->upload, out, size * count);
}

/*
** Called each time the request is about to be sent. libcurl would send any request again if the connection turned out
** dead, and by HTTP/1.1 if the server asks for that, even in the midst of a response. Here is decided whether it may.
*/
static int on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port) {
  SrHttpEasy *easy = (SrHttpEasy *)ctx;
  SrHttpTransfer *transfer = easy->transfer;
  (void)peer, (void)own, (void)peer_port;
  if (sr_http_has_head(transfer) || !sr_http_may_leave(transfer, easy)) return CURL_PREREQFUNC_ABORT;
  sr_http_multi_send(&easy->outlet, own_port);
  transfer->sends++;
  transfer->phase = SR_HTTP_SENDING;
  sr_http_transfer_touch(transfer);
  if (transfer->request->limits.read == HUGE_VAL || sr_http_transfer_try_arm(transfer)) return CURL_PREREQFUNC_OK;
  refuse(transfer, "ENOMEM", "not enough memory");
  return CURL_PREREQFUNC_ABORT;
}

static int on_progress(void *ctx, curl_off_t to_come, curl_off_t received, curl_off_t to_send, curl_off_t sent) {
  SrHttpTransfer *transfer = ((SrHttpEasy *)ctx)->transfer;
  (void)to_come, (void)received, (void)to_send;
  if (transfer != NULL && sent != transfer->sent) {
    transfer->sent = sent;
    sr_http_transfer_touch(transfer);
  }
  return 0;
}

const SrHttpHooks sr_http_hooks = {
    .on_head = on_head,
    .on_body = on_body,
    .on_wanted = on_wanted,
    .on_connected = on_connected,
    .on_progress = on_progress,
};

/* --- reports of the multi handle ------------------------------------------- */

/* NULL where the handle is one that libcurl has made for itself. */
static SrHttpEasy *easy_of(CURL *handle) {
  SrHttpEasy *easy = NULL;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  return easy;
}

/* All transfers that libcurl knows fail. Each end may end others, so the search begins again after it. */
static void on_failure(void *owner) {
  SrHttpTransfer *transfer = ((SrHttpPool *)owner)->transfers;
  while (transfer != NULL) {
    if (transfer->easy == NULL) {
      transfer = transfer->next;
      continue;
    }
    sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
    transfer = ((SrHttpPool *)owner)->transfers;
  }
}

static SrHttpOutlet *on_listening(CURL *handle, bool listens) {
  SrHttpEasy *easy = easy_of(handle);
  SrHttpTransfer *transfer = easy != NULL ? easy->transfer : NULL;
  if (transfer != NULL && sr_http_is_open(transfer)) sr_http_transfer_listens(transfer, listens);
  return easy != NULL ? &easy->outlet : NULL;
}

static bool is_pausing(void *owner) {
  const SrHttpTransfer *transfer = ((SrHttpPool *)owner)->transfers;
  while (transfer != NULL && !transfer->paused) transfer = transfer->next;
  return transfer != NULL;
}

static void on_done(CURL *handle, CURLcode result) {
  SrHttpEasy *easy = easy_of(handle);
  SrHttpTransfer *transfer = easy != NULL ? easy->transfer : NULL;
  if (transfer != NULL) sr_http_transfer_finish(transfer, result);
}

const SrHttpReports sr_http_reports = {
    .on_failure = on_failure,
    .on_done = on_done,
    .on_listening = on_listening,
    .is_pausing = is_pausing,
};
