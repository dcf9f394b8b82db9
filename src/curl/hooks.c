/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls for transfers. The hooks of an easy handle store and wake, and call nothing of libcurl but what it
** allows there; the reports of a multi handle may end transfers.
**
** All that libcurl has read when it is paused is taken, because what libcurl holds back itself is lost when the transfer
** fails. That is why chunks are taken apart here, too.
*/
#include "curl/hooks.h"

#include <math.h>
#include <string.h>

#include "curl/exchange.h"
#include "curl/response.h"
#include "http/content.h"
#include "http/transfer.h"
#include "http/upload.h"

/*
** Makes a callback end its transfer: it returns what libcurl takes for a refusal, and libcurl then reports the transfer
** as done. The failure recorded here is its cause. False.
*/
static bool refuse(SrHttpTransfer *transfer, const char *code, const char *message) {
  return sr_http_transfer_refuse(transfer, code, message);
}

/*
** Whether this head answers the question of digest authentication rather than the request. libcurl asks without the
** body first, and then sends the body, whether it was challenged (401) or not.
*/
static bool is_of_question(const SrHttpTransfer *transfer) {
  const SrHttpRequest *request = transfer->request;
  if (!sr_curl_easy_of(transfer)->awaits_challenge) return false;
  return transfer->head.status == 401 || (transfer->head.status < 300 && (request->body != NULL || request->streamed));
}

/*
** What comes with a head behind which there is no body, libcurl 7.88 drops, and uses the connection again: but it says
** so, if it is listened to.
*/
static void listen_for_excess(const SrHttpTransfer *transfer) {
  const SrHttpRequest *request = transfer->request;
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  SrWireText method = {request->method, strlen(request->method)};
  SrWireBodyKind kind = sr_wire_framing_of_response(&easy->head.message.framing, transfer->head.status, method);
  if (kind == SR_WIRE_NO_BODY) sr_curl_easy_listen(easy);
}

static int on_word(CURL *handle, curl_infotype kind, char *bytes, size_t length, void *ctx) {
  static const char excess[] = "Excess found";
  (void)handle;
  if (kind == CURLINFO_TEXT && length >= sizeof excess - 1 && memcmp(bytes, excess, sizeof excess - 1) == 0)
    ((SrCurlEasy *)ctx)->followed = true;
  return 0;
}

/*
** The empty line behind a head. The read timeout was off while the upload starved; now that the response has begun it
** counts again. False: no memory.
*/
static bool end_head(SrHttpTransfer *transfer) {
  if (transfer->head.status < 200) return true;
  if (is_of_question(transfer)) {
    sr_curl_easy_of(transfer)->awaits_challenge = false; /* the next response is final */
    transfer->sends = 0;
    return true;
  }
  bool was_starved = sr_http_awaits_upload(transfer);
  listen_for_excess(transfer);
  sr_curl_exchange_finish_head(transfer);
  return !was_starved || sr_http_transfer_try_arm(transfer);
}

/*
** Keeps a line for Lua. A status line begins a new head, so the lines before it are dropped. False: no memory, which is
** its failure.
*/
static bool keep_line(SrHttpTransfer *transfer, SrWireText line) {
  if (sr_wire_lines_begin(&sr_curl_easy_of(transfer)->head)) sr_buffer_clear(&transfer->lines);
  if (line.bytes[0] == '\r' || sr_buffer_append(&transfer->lines, line.bytes, line.length)) return true;
  return refuse(transfer, "ENOMEM", "not enough memory");
}

/* HTTP/2 is spoken over TLS only. */
static bool may_be_framed(const SrHttpRequest *request) {
  return request->https && !sr_curl_request_of(request)->extras.http1;
}

/*
** A switch of protocols is refused: what comes behind it is no HTTP, and has no end. False: the transfer has failed.
*/
static bool add_line(SrHttpTransfer *transfer, SrWireText line) {
  SrWireLines *lines = &sr_curl_easy_of(transfer)->head;
  SrWireFaultKind fault =
      sr_wire_lines_add(lines, &transfer->head, line, may_be_framed(transfer->request), &sr_http_content_limits);
  if (fault != SR_WIRE_NO_FAULT) return sr_http_content_refuse(transfer, fault);
  if (transfer->head.ended && transfer->head.status == 101) return sr_http_content_refuse_switch(transfer);
  if (!keep_line(transfer, line)) return false;
  return !transfer->head.ended || end_head(transfer) || refuse(transfer, "ENOMEM", "not enough memory");
}

static bool add_trailer(SrHttpTransfer *transfer, size_t length) {
  SrWireFaultKind fault = sr_wire_lines_trail(&sr_curl_easy_of(transfer)->head, length, &sr_http_content_limits);
  return fault == SR_WIRE_NO_FAULT || sr_http_content_refuse(transfer, fault);
}

static size_t on_head(char *line, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrCurlEasy *)ctx)->transfer;
  size_t length = size * count;
  if (!sr_http_is_open(transfer)) return length;
  sr_http_transfer_touch(transfer);
  bool is_good = sr_http_has_head(transfer) ? add_trailer(transfer, length)
                                            : length == 0 || add_line(transfer, (SrWireText){line, length});
  return is_good ? length : 0;
}

/* Whether libcurl has to pause: enough bytes wait for the reader, and more are to come. */
static bool is_sated(const SrHttpTransfer *transfer) {
  return sr_http_transfer_is_full(transfer) && !sr_curl_response_is_whole(transfer);
}

/*
** Pauses libcurl, which still gives the rest of what it has read. libcurl 7.88 reads once more when it is told to pause
** in one direction only, so it is told to pause in both. While the request still leaves that cannot be: then on_body
** refuses the next piece instead, which libcurl holds back.
*/
static void hold(SrHttpTransfer *transfer) {
  if (transfer->paused || !is_sated(transfer) || sr_curl_exchange_is_sending(transfer)) return;
  transfer->paused = true;
  curl_easy_pause(sr_curl_easy_of(transfer)->handle, CURLPAUSE_ALL);
}

/* Takes the data of chunks. libcurl takes more for chunks than RFC 9112 does, and our own connections. */
static bool take_chunks(SrHttpTransfer *transfer, const char *bytes, size_t length) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  SrWireText piece = {bytes, length};
  size_t kept = sr_buffer_length(&easy->line);
  if (kept > 0) {
    if (!sr_buffer_append(&easy->line, bytes, length)) return refuse(transfer, "ENOMEM", "not enough memory");
    piece = (SrWireText){sr_buffer_front(&easy->line), kept + length};
  }
  if (!sr_http_content_take(transfer, &easy->chunks, &piece)) return false;
  if (sr_wire_body_has_ended(&easy->chunks)) {
    easy->followed |= piece.length > 0;
    piece.length = 0;
  }
  if (kept > 0) {
    sr_buffer_take(&easy->line, sr_buffer_length(&easy->line) - piece.length);
    return true;
  }
  if (piece.length == 0 || sr_buffer_append(&easy->line, piece.bytes, piece.length)) return true;
  return refuse(transfer, "ENOMEM", "not enough memory");
}

/*
** Lines of a head come here first, in pieces, and then to on_head. libcurl 7.88 adds a folded line to the header before
** it, even where that was freed with a former head: such a line is refused before libcurl takes note of it.
*/
static size_t foresee(SrHttpTransfer *transfer, const char *piece, size_t length) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  bool begins = !easy->within_line;
  if (length == 0) return 0;
  easy->within_line = piece[length - 1] != '\n';
  if (!begins || easy->head.message.fields > 0 || (piece[0] != ' ' && piece[0] != '\t')) return length;
  return refuse(transfer, "EPROTO", sr_wire_fault_text(SR_WIRE_FOLDED));
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrCurlEasy *)ctx)->transfer;
  size_t length = size * count;
  if (!sr_http_is_open(transfer)) return length; /* libcurl had held it back, and now nobody wants it */
  if (!sr_http_has_head(transfer) && !sr_curl_request_of(transfer->request)->extras.digest)
    return foresee(transfer, bytes, length);
  if (!sr_http_has_head(transfer)) sr_curl_exchange_finish_head(transfer);
  if (!transfer->paused && is_sated(transfer)) {
    transfer->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  sr_http_transfer_touch(transfer);
  sr_http_transfer_reserve(transfer, length);
  if (!(transfer->head.chunked ? take_chunks : sr_http_transfer_take)(transfer, bytes, length)) return 0;
  hold(transfer);
  if (sr_buffer_length(&transfer->body) > 0) sr_http_transfer_wake(transfer, SR_HTTP_AWAITS_DATA);
  sr_curl_exchange_look_for_early_end(transfer);
  return length;
}

static size_t on_wanted(char *out, size_t size, size_t count, void *ctx) {
  SrHttpTransfer *transfer = ((SrCurlEasy *)ctx)->transfer;
  if (transfer->upload == NULL) return CURL_READFUNC_PAUSE; /* it was stopped */
  sr_http_transfer_touch(transfer);
  const char *bytes;
  size_t length;
  if (!sr_http_upload_peek(transfer->upload, &bytes, &length)) return CURL_READFUNC_PAUSE;
  if (length > size * count) length = size * count;
  if (length > 0) memcpy(out, bytes, length);
  sr_http_upload_taken(transfer->upload, length);
  return length;
}

/*
** Called each time the request is about to be sent. libcurl would send any request again if the connection turned out
** dead, and by HTTP/1.1 if the server asks for that, even in the midst of a response. Here is decided whether it may.
*/
static int on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port) {
  SrCurlEasy *easy = (SrCurlEasy *)ctx;
  SrHttpTransfer *transfer = easy->transfer;
  (void)peer, (void)own, (void)peer_port;
  easy->refused = sr_http_has_head(transfer) || !sr_curl_may_leave(easy);
  if (easy->refused) return CURL_PREREQFUNC_ABORT;
  if (transfer->sends > 0) easy->detail[0] = '\0'; /* of the connection that was dead */
  sr_curl_multi_send(&easy->outlet, own_port);
  transfer->backend_at = HUGE_VAL; /* it needs no more nudges */
  return sr_http_transfer_connected(transfer) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static int on_progress(void *ctx, curl_off_t to_come, curl_off_t received, curl_off_t to_send, curl_off_t sent) {
  SrCurlEasy *easy = ctx;
  SrHttpTransfer *transfer = easy->transfer;
  (void)to_come, (void)received, (void)to_send;
  if (transfer != NULL && sent != easy->sent) {
    easy->sent = sent;
    sr_http_transfer_touch(transfer);
  }
  return 0;
}

const SrCurlHooks sr_curl_hooks = {
    .on_head = on_head,
    .on_body = on_body,
    .on_wanted = on_wanted,
    .on_connected = on_connected,
    .on_progress = on_progress,
    .on_word = on_word,
};

/* --- reports of the multi handle ------------------------------------------- */

/* NULL where the handle is one that libcurl has made for itself. */
static SrCurlEasy *easy_of(CURL *handle) {
  SrCurlEasy *easy = NULL;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  return easy;
}

/* All transfers that libcurl knows fail. Each end may end others, so the search begins again after it. */
static void on_failure(void *owner) {
  SrHttpTransfer *transfer = ((SrHttpPool *)owner)->transfers;
  while (transfer != NULL) {
    if (transfer->carrier == NULL || transfer->backend->kind != SR_HTTP_CURL) {
      transfer = transfer->next;
      continue;
    }
    sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
    transfer = ((SrHttpPool *)owner)->transfers;
  }
}

static SrCurlOutlet *on_listening(CURL *handle, bool listens) {
  SrCurlEasy *easy = easy_of(handle);
  SrHttpTransfer *transfer = easy != NULL ? easy->transfer : NULL;
  if (transfer != NULL && sr_http_is_open(transfer)) sr_curl_exchange_listens(transfer, listens);
  return easy != NULL ? &easy->outlet : NULL;
}

static bool is_pausing(void *owner) {
  const SrHttpTransfer *transfer = ((SrHttpPool *)owner)->transfers;
  while (transfer != NULL && !(transfer->paused && transfer->backend->kind == SR_HTTP_CURL)) transfer = transfer->next;
  return transfer != NULL;
}

static void on_done(CURL *handle, CURLcode result) {
  SrCurlEasy *easy = easy_of(handle);
  SrHttpTransfer *transfer = easy != NULL ? easy->transfer : NULL;
  if (transfer != NULL) sr_curl_exchange_finish(transfer, result);
}

const SrCurlReports sr_curl_reports = {
    .on_failure = on_failure,
    .on_done = on_done,
    .on_listening = on_listening,
    .is_pausing = is_pausing,
};
