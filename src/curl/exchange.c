/* SPDX-License-Identifier: MIT */
/*
** One exchange by libcurl, see exchange.h. What libcurl calls while it goes on stands in hooks.c.
*/
#include "curl/exchange.h"

#include <math.h>
#include <string.h>

#include "curl/response.h"
#include "curl/verdict.h"
#include "http/deadline.h"
#include "http/transfer.h"

/* How often libcurl is told to go on while it connects, in seconds. */
static const double NUDGE_INTERVAL = 0.25;

/* In seconds: the resolver has been asked before, so if it has no answer by then it has none at all. */
static const double LOOKUP_LIMIT = 1;

/*
** The connection has ended without a response. libcurl says nothing of that as long as there is something to send, but
** it has stopped reading.
*/
static bool is_abandoned(const SrHttpTransfer *transfer) {
  return transfer->phase == SR_HTTP_SENDING && sr_curl_easy_of(transfer)->not_reading &&
         sr_http_awaits_upload(transfer);
}

/* The directions (CURLPAUSE_...) in which libcurl stays paused when it is told to go on. */
static int pauses(const SrHttpTransfer *transfer) {
  bool starved = transfer->upload != NULL && transfer->upload->starved;
  return (transfer->paused ? CURLPAUSE_RECV : 0) | (starved ? CURLPAUSE_SEND : 0);
}

bool sr_curl_exchange_is_sending(const SrHttpTransfer *transfer) {
  curl_off_t sent = 0;
  if (transfer->request->streamed) return transfer->upload != NULL && !transfer->upload->ended;
  if (!sr_curl_request_of(transfer->request)->leaves_slowly) return false;
  curl_easy_getinfo(sr_curl_easy_of(transfer)->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent < (curl_off_t)transfer->request->body_length;
}

static void end_early(SrHttpTransfer *transfer) {
  sr_curl_easy_of(transfer)->ends_early = sr_http_transfer_call_back(transfer);
}

void sr_curl_exchange_look_for_early_end(SrHttpTransfer *transfer) {
  bool refused = transfer->upload != NULL && transfer->head.status >= 300;
  if (sr_curl_easy_of(transfer)->ends_early || !sr_curl_request_of(transfer->request)->leaves_slowly) return;
  if (sr_curl_response_is_over(transfer) || refused) end_early(transfer);
}

void sr_curl_exchange_finish_head(SrHttpTransfer *transfer) {
  sr_http_transfer_finish_head(transfer);
  sr_curl_exchange_look_for_early_end(transfer);
}

void sr_curl_exchange_listens(SrHttpTransfer *transfer, bool listens) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  easy->not_reading = !listens;
  if (easy->not_reading && sr_http_has_head(transfer)) sr_curl_exchange_look_for_early_end(transfer);
  if (is_abandoned(transfer)) end_early(transfer);
}

/* Lets libcurl go on in each direction that need not pause any more. The transfer may have ended when this returns. */
void sr_curl_exchange_go_on(SrHttpTransfer *transfer) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  if (!easy->is_added) return;
  CURLcode result = sr_curl_multi_unpause(easy->outlet.multi, easy->handle, pauses(transfer));
  if (!sr_http_is_open(transfer)) return;
  if (result != CURLE_OK) {
    sr_curl_verdict(&transfer->failure, easy, transfer->request, result, sr_http_has_head(transfer));
    sr_http_transfer_end(transfer);
    return;
  }
  if (sr_http_has_head(transfer)) sr_curl_exchange_look_for_early_end(transfer);
}

/* --- on time ------------------------------------------------------------------ */

static void end_abandoned(SrHttpTransfer *transfer) {
  sr_curl_verdict(&transfer->failure, sr_curl_easy_of(transfer), transfer->request, CURLE_GOT_NOTHING, false);
  sr_http_transfer_end(transfer);
}

/* The response came before all of the request had left: the rest of the request is not sent. */
static void stop_sending(SrHttpTransfer *transfer) {
  sr_http_transfer_stop_upload(transfer);
  if (!sr_curl_response_is_over(transfer)) {
    sr_curl_exchange_go_on(transfer);
    return;
  }
  if (sr_curl_response_is_cut(transfer)) sr_http_transfer_refuse(transfer, "ETRUNCATED", "the body was cut short");
  sr_http_transfer_end(transfer);
}

static void on_looked_up(void *owner, bool again) {
  SrHttpTransfer *transfer = owner;
  if (again) transfer->failure.code = "EAI_AGAIN";
  sr_http_transfer_end(transfer);
}

/*
** While it connects libcurl gives up one address of a host after a while, and then waits for nothing before it tries
** the next: it is told to go on. The transfer may have ended when this returns.
*/
static void nudge(SrHttpTransfer *transfer, double now) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  transfer->backend_at = now + NUDGE_INTERVAL;
  sr_curl_multi_nudge(easy->outlet.multi, easy->handle);
}

void sr_curl_exchange_on_time(SrHttpTransfer *transfer, double now) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  bool ends_early = easy->ends_early;
  easy->ends_early = false;
  if (easy->lookup != NULL)
    on_looked_up(transfer, true);
  else if (is_abandoned(transfer))
    end_abandoned(transfer);
  else if (ends_early && transfer->phase == SR_HTTP_RECEIVING)
    stop_sending(transfer);
  else if (transfer->phase == SR_HTTP_CONNECTING)
    nudge(transfer, now);
}

/* --- start, release ----------------------------------------------------------- */

static void watch_upload(const SrHttpTransfer *transfer, SrCurlEasy *easy) {
  if (transfer->request->limits.read < HUGE_VAL && easy->shape == SR_CURL_SHAPE_OTHER) {
    easy->watched = true;
    curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  }
}

/* Hands the request to libcurl, for the first time or again. The transfer may have ended when this returns. */
static void launch(SrHttpTransfer *transfer, SrCurlEasy *easy) {
  transfer->phase = SR_HTTP_CONNECTING;
  transfer->backend_at = sr_http_saros->now(transfer->pool->runtime) + NUDGE_INTERVAL;
  easy->is_added = true; /* it may be taken out before this returns */
  if (sr_curl_multi_add(easy->outlet.multi, easy->handle)) return;
  easy->is_added = false;
  sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
}

void sr_curl_exchange_start(SrHttpTransfer *transfer, SrCurlEasy *easy) {
  transfer->carrier = easy;
  easy->transfer = transfer;
  easy->outlet.single = false;
  easy->awaits_challenge = sr_curl_request_of(transfer->request)->extras.digest;
  easy->ends_early = easy->not_reading = easy->within_line = easy->refused = false;
  easy->sent = 0;
  easy->head = (SrWireLines){0};
  sr_wire_body_open(&easy->chunks, SR_WIRE_CHUNKED, -1);
  easy->followed = false;
  watch_upload(transfer, easy);
  launch(transfer, easy);
}

/* Counts the connections that were opened for the transfer, and gives their number. One that was refused served none. */
static long count_connections(const SrHttpTransfer *transfer, const SrCurlEasy *easy) {
  long opened = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_NUM_CONNECTS, &opened);
  if (easy->refused && opened > 0) opened--;
  transfer->pool->connections += (unsigned long long)opened;
  return opened;
}

bool sr_curl_exchange_take_out(SrHttpTransfer *transfer, bool was_connected) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  if (easy->lookup != NULL) sr_curl_lookup_drop(easy->lookup);
  easy->lookup = NULL;
  if (!easy->is_added) return true;
  easy->is_added = false;
  if (count_connections(transfer, easy) == 0 && was_connected) transfer->pool->reused++;
  if (transfer->sends > 1) easy->resent = true;
  return sr_curl_multi_remove(&easy->outlet, easy->handle, transfer->paused, sr_http_has_head(transfer));
}

/* --- the end -------------------------------------------------------------------- */

/* A name was not found: asks the system why. True: the transfer goes on until that has answered. */
static bool look_up(SrHttpTransfer *transfer) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  const char *place = transfer->request->key, *name = strstr(place, "://") + 3;
  if (sr_http_has_head(transfer)) return false;
  if (transfer->failure.code == NULL || strcmp(transfer->failure.code, "ENOTFOUND") != 0) return false;
  bool was_connected = transfer->phase == SR_HTTP_SENDING;
  if (!sr_curl_exchange_take_out(transfer, was_connected)) return false;
  uv_loop_t *loop = sr_http_saros->loop(transfer->pool->runtime);
  easy->lookup = sr_curl_lookup_start(loop, name, (size_t)(strrchr(name, ':') - name), on_looked_up, transfer);
  if (easy->lookup == NULL) return false;
  transfer->is_asking = true;
  transfer->phase = SR_HTTP_CONNECTING;
  transfer->backend_at = sr_http_saros->now(transfer->pool->runtime) + LOOKUP_LIMIT;
  sr_http_transfer_arm(transfer);
  return true;
}

/*
** libcurl itself sends a request again whose connection had served others and turns out dead, but not where a
** connection of HTTP/2 ends between two frames, or by a GOAWAY: that is done here. A streamed body is sent again by the
** Lua code that streams it. True: the request is under way once more.
*/
static bool send_again(SrHttpTransfer *transfer) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  if (!transfer->failure.stale || transfer->head.status != 0 || transfer->request->streamed) return false;
  if (!sr_curl_may_leave(easy)) return false;
  sr_http_failure_free(&transfer->failure);
  count_connections(transfer, easy);
  easy->not_reading = easy->ends_early = false;
  easy->detail[0] = '\0';
  sr_curl_multi_remove(&easy->outlet, easy->handle, false, false);
  sr_http_deadline_begin(transfer);
  launch(transfer, easy);
  if (sr_http_is_open(transfer)) sr_http_transfer_arm(transfer);
  return true;
}

/* Records what libcurl calls a failure, unless the response is complete all the same. */
static void note_failure(SrHttpTransfer *transfer, CURLcode result) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  if (sr_curl_response_survives(transfer, result)) return;
  if (result == CURLE_OPERATION_TIMEDOUT) sr_http_deadline_fail_connecting(transfer);
  if (sr_curl_verdict_breaks(easy, result)) sr_curl_multi_break(&easy->outlet, easy->handle);
  sr_curl_verdict(&transfer->failure, easy, transfer->request, result, sr_http_has_head(transfer));
}

/* The response came while the body waited for 100 (Continue), and the server would take the next request for it. */
static bool owes_body(const SrHttpTransfer *transfer) {
  const SrHttpRequest *request = transfer->request;
  curl_off_t sent = 0;
  if (!request->expects || (request->body_length == 0 && !request->streamed)) return false;
  curl_easy_getinfo(sr_curl_easy_of(transfer)->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent == 0;
}

/* libcurl takes the end of a connection within the headers for the end of a response, and would use it again. */
static bool is_broken_off(const SrHttpTransfer *transfer) {
  return !sr_http_has_head(transfer) && transfer->failure.name == NULL;
}

/*
** Whether nothing may follow on the connection, which libcurl 7.88 would use again, and by HTTP/1.0 where it has heard
** that. HTTP/2 knows of none of this.
*/
static bool is_used_up(const SrHttpTransfer *transfer) {
  long version = 0;
  const SrCurlEasy *easy = sr_curl_easy_of(transfer);
  bool persists = sr_wire_message_persists(&easy->head.message) && !transfer->request->closes && !owes_body(transfer);
  if (persists && !easy->followed && easy->head.message.framing.minor > 0) return false;
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return version < CURL_HTTP_VERSION_2_0;
}

void sr_curl_exchange_finish(SrHttpTransfer *transfer, CURLcode result) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  if (transfer->head.ended && !sr_http_has_head(transfer) && transfer->head.status >= 200)
    sr_curl_exchange_finish_head(transfer);
  if (result != CURLE_OK)
    note_failure(transfer, result);
  else if (sr_curl_response_lacks_chunks(transfer)) /* libcurl 7.88 does not mind if but the last byte is missing */
    sr_http_transfer_refuse(transfer, "ETRUNCATED", "the body was cut short");
  bool is_lost = result == CURLE_OK && (is_broken_off(transfer) || is_used_up(transfer));
  if (is_lost) sr_curl_multi_break(&easy->outlet, easy->handle);
  if (!sr_http_has_head(transfer)) /* the first failure is the cause */
    sr_http_failure_set(&transfer->failure, "FetchError", "ECONNRESET", "the connection was closed within the headers");
  if (transfer->failure.name == NULL || (!send_again(transfer) && !look_up(transfer))) sr_http_transfer_end(transfer);
}
