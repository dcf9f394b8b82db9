/* SPDX-License-Identifier: MIT */
/*
** The life of one transfer, see transfer.h: everything that happens to it on the loop, in C. Its phases are listed in
** state.h. What libcurl calls while it goes on stands in hooks.c.
*/
#include "http/transfer.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http/deadline.h"
#include "http/pool.h"
#include "http/response.h"
#include "http/upload.h"

/* A Content-Length makes us reserve no more than this at once. */
enum { RESERVE_BOUND = 67108864 };

#define owner_of(pointer, member) ((SrHttpTransfer *)((char *)(pointer)-offsetof(SrHttpTransfer, member)))

void sr_http_transfer_wake(SrHttpTransfer *transfer, SrHttpAwaited awaited) {
  if (transfer->awaited != awaited || awaited == SR_HTTP_AWAITS_NOTHING) return;
  transfer->awaited = SR_HTTP_AWAITS_NOTHING;
  sr_http_saros->wake(&transfer->wait);
}

/* --- the timer ------------------------------------------------------------- */

bool sr_http_transfer_try_arm(SrHttpTransfer *transfer) {
  saros_runtime *runtime = transfer->pool->runtime;
  double nearest = sr_http_deadline_nearest(transfer);
  if (nearest < HUGE_VAL)
    return sr_http_saros->timer_start(runtime, &transfer->timer, nearest - sr_http_saros->now(runtime));
  sr_http_saros->timer_stop(runtime, &transfer->timer);
  return true;
}

/*
** The connection has ended without a response. libcurl says nothing of that as long as there is something to send, but
** it has stopped reading.
*/
static bool is_abandoned(const SrHttpTransfer *transfer) {
  return transfer->phase == SR_HTTP_SENDING && transfer->not_reading && sr_http_awaits_upload(transfer);
}

/* The directions (CURLPAUSE_...) in which libcurl stays paused when it is told to go on. */
static int pauses(const SrHttpTransfer *transfer) {
  bool starved = transfer->upload != NULL && transfer->upload->starved;
  return (transfer->paused ? CURLPAUSE_RECV : 0) | (starved ? CURLPAUSE_SEND : 0);
}

bool sr_http_transfer_is_sending(const SrHttpTransfer *transfer) {
  curl_off_t sent = 0;
  if (transfer->request->streamed) return transfer->upload != NULL && !transfer->upload->ended;
  if (!transfer->request->leaves_slowly) return false;
  curl_easy_getinfo(transfer->easy->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent < (curl_off_t)transfer->request->body_length;
}

void sr_http_transfer_touch(SrHttpTransfer *transfer) {
  if (transfer->request->limits.read < HUGE_VAL) transfer->last_byte = sr_http_saros->now(transfer->pool->runtime);
}

void sr_http_transfer_look_for_early_end(SrHttpTransfer *transfer) {
  bool refused = transfer->upload != NULL && transfer->head.status >= 300;
  if (transfer->ends_early || !transfer->request->leaves_slowly || !(sr_http_response_is_over(transfer) || refused))
    return;
  transfer->ends_early = true;
  if (!sr_http_transfer_try_arm(transfer)) transfer->ends_early = false;
}

void sr_http_transfer_finish_head(SrHttpTransfer *transfer) {
  transfer->phase = SR_HTTP_RECEIVING;
  transfer->head_at = sr_http_saros->now(transfer->pool->runtime);
  sr_http_transfer_wake(transfer, SR_HTTP_AWAITS_HEAD);
  sr_http_transfer_look_for_early_end(transfer);
}

/* Lets libcurl go on in each direction that need not pause any more. The transfer may have ended when this returns. */
static void go_on(SrHttpTransfer *transfer) {
  if (transfer->request->limits.read < HUGE_VAL) {
    sr_http_transfer_touch(transfer);
    sr_http_transfer_arm(transfer);
    if (!sr_http_is_open(transfer)) return;
  }
  CURLcode result = sr_http_multi_unpause(transfer->easy->outlet.multi, transfer->easy->handle, pauses(transfer));
  if (!sr_http_is_open(transfer)) return;
  if (result != CURLE_OK) {
    sr_http_failure_curl(&transfer->failure, transfer->easy, transfer->request, result, sr_http_has_head(transfer));
    sr_http_transfer_end(transfer);
    return;
  }
  if (sr_http_has_head(transfer)) sr_http_transfer_look_for_early_end(transfer);
}

static void end_abandoned(SrHttpTransfer *transfer) {
  sr_http_failure_curl(&transfer->failure, transfer->easy, transfer->request, CURLE_GOT_NOTHING, false);
  sr_http_transfer_end(transfer);
}

/* The response came before all of the request had left: the rest of the request is not sent. */
static void stop_sending(SrHttpTransfer *transfer) {
  if (transfer->upload != NULL) sr_http_upload_stop(transfer->upload);
  transfer->upload = NULL;
  if (!sr_http_response_is_over(transfer)) {
    go_on(transfer);
    if (sr_http_is_open(transfer)) sr_http_transfer_arm(transfer);
    return;
  }
  if (sr_http_response_is_cut(transfer))
    sr_http_failure_set(&transfer->failure, "FetchError", "ETRUNCATED", "the body was cut short");
  sr_http_transfer_end(transfer);
}

static void on_looked_up(void *owner, bool again) {
  SrHttpTransfer *transfer = owner;
  if (again) transfer->failure.code = "EAI_AGAIN";
  sr_http_transfer_end(transfer);
}

/* Has libcurl try the next address, if it is time for that. The transfer may have ended when this returns. */
static void nudge(SrHttpTransfer *transfer, double now) {
  if (sr_http_deadline_nudges(transfer, now)) sr_http_multi_nudge(transfer->easy->outlet.multi, transfer->easy->handle);
}

/* Ends the transfer if a deadline has passed. Deadlines move while the timer stands, so otherwise it is set again. */
static void look_at_deadlines(SrHttpTransfer *transfer, double now) {
  if (sr_http_deadline_passes(transfer, now))
    sr_http_transfer_end(transfer);
  else
    sr_http_transfer_arm(transfer);
}

static void on_fire(saros_timer *timer) {
  SrHttpTransfer *transfer = owner_of(timer, timer);
  double now = sr_http_saros->now(transfer->pool->runtime);
  bool ends_early = transfer->ends_early;
  transfer->ends_early = false;
  if (transfer->phase == SR_HTTP_LOOKING_UP)
    on_looked_up(transfer, true);
  else if (is_abandoned(transfer))
    end_abandoned(transfer);
  else if (ends_early && transfer->phase == SR_HTTP_RECEIVING)
    stop_sending(transfer);
  else {
    if (transfer->phase == SR_HTTP_CONNECTING) nudge(transfer, now);
    if (sr_http_is_open(transfer)) look_at_deadlines(transfer, now);
  }
}

void sr_http_transfer_arm(SrHttpTransfer *transfer) {
  if (!sr_http_transfer_try_arm(transfer)) sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
}

/* --- begin, launch, resume, end -------------------------------------------- */

void sr_http_transfer_begin(SrHttpTransfer *transfer, SrHttpPool *pool) {
  transfer->timer.on_fire = on_fire;
  transfer->pool = pool;
  transfer->phase = SR_HTTP_QUEUED;
  transfer->next = pool->transfers;
  if (transfer->next != NULL) transfer->next->prev = transfer;
  pool->transfers = transfer;
}

static void watch_upload(const SrHttpTransfer *transfer, SrHttpEasy *easy) {
  if (transfer->request->limits.read < HUGE_VAL && easy->shape == SR_HTTP_SHAPE_OTHER) {
    easy->watched = true;
    curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  }
}

/* Hands the request to libcurl, for the first time or again. The transfer may have ended when this returns. */
static void start(SrHttpTransfer *transfer, SrHttpEasy *easy) {
  transfer->phase = SR_HTTP_CONNECTING;
  if (!sr_http_multi_add(easy->outlet.multi, easy->handle)) {
    transfer->easy = NULL; /* it is in no multi handle, so there is nothing to remove */
    sr_http_pool_give_easy(transfer->pool, easy);
    sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
  }
  if (sr_http_is_open(transfer)) sr_http_transfer_arm(transfer);
}

void sr_http_transfer_launch(SrHttpTransfer *transfer, SrHttpEasy *easy) {
  transfer->easy = easy;
  easy->transfer = transfer;
  easy->outlet.single = false;
  transfer->pool->requests++;
  watch_upload(transfer, easy);
  start(transfer, easy);
}

void sr_http_transfer_resume(SrHttpTransfer *transfer) {
  if (transfer->unbounded && transfer->head.length > 0 && transfer->head.length <= RESERVE_BOUND &&
      sr_http_is_open(transfer))
    sr_buffer_reserve(&transfer->body, (size_t)(transfer->head.length - transfer->received));
  if (!transfer->paused || transfer->easy == NULL) return;
  if (!transfer->unbounded && sr_buffer_length(&transfer->body) > 0)
    return; /* libcurl pauses until all is read: few long pauses cost less than many */
  transfer->paused = false;
  go_on(transfer);
}

void sr_http_transfer_feed(SrHttpTransfer *transfer) {
  transfer->upload->starved = false;
  if (transfer->easy != NULL) go_on(transfer);
}

/* Counts the connections that were opened for the transfer, and gives their number. */
static long count_connections(const SrHttpTransfer *transfer, const SrHttpEasy *easy) {
  long opened = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_NUM_CONNECTS, &opened);
  transfer->pool->connections += (unsigned long long)opened;
  return opened;
}

static void give_easy_back(SrHttpTransfer *transfer, bool was_connected) {
  SrHttpEasy *easy = transfer->easy;
  SrHttpPool *pool = transfer->pool;
  if (easy == NULL) return;
  transfer->easy = NULL;
  if (count_connections(transfer, easy) == 0 && was_connected) pool->reused++;
  if (transfer->sends > 1) easy->resent = true;
  if (sr_http_multi_remove(&easy->outlet, easy->handle, transfer->paused, sr_http_has_head(transfer)))
    sr_http_pool_give_easy(pool, easy);
  else
    sr_http_easy_free(easy);
}

static void leave_pool(SrHttpTransfer *transfer) {
  if (transfer->prev != NULL)
    transfer->prev->next = transfer->next;
  else
    transfer->pool->transfers = transfer->next;
  if (transfer->next != NULL) transfer->next->prev = transfer->prev;
  transfer->prev = transfer->next = NULL;
}

void sr_http_transfer_end(SrHttpTransfer *transfer) {
  if (!sr_http_is_open(transfer)) return;
  bool was_connected = transfer->phase > SR_HTTP_LOOKING_UP;
  transfer->phase = transfer->phase == SR_HTTP_RECEIVING ? SR_HTTP_ENDED : SR_HTTP_FAILED;
  sr_http_saros->timer_stop(transfer->pool->runtime, &transfer->timer);
  sr_http_saros->resource_close(&transfer->resource);
  leave_pool(transfer);
  give_easy_back(transfer, was_connected);
  transfer->paused = false;
  if (transfer->lookup != NULL) sr_http_lookup_drop(transfer->lookup);
  transfer->lookup = NULL;
  if (transfer->upload != NULL) sr_http_upload_stop(transfer->upload);
  transfer->upload = NULL;
  sr_http_slot_release(&transfer->pool->slots, &transfer->slot);
  if (transfer->failure.name != NULL) transfer->pool->failed++;
  sr_http_transfer_wake(transfer, transfer->awaited);
}

void sr_http_transfer_fail(SrHttpTransfer *transfer, const char *name, const char *code, const char *message) {
  if (!sr_http_is_open(transfer)) return;
  if (transfer->lookup != NULL)
    sr_http_failure_free(&transfer->failure); /* the failure that the look-up was to explain */
  sr_http_failure_set(&transfer->failure, name, code, message);
  sr_http_transfer_end(transfer);
}

int sr_http_transfer_abort(saros_wait *wait) {
  SrHttpTransfer *transfer = owner_of(wait, wait);
  transfer->awaited = SR_HTTP_AWAITS_NOTHING;
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return 1;
}

void sr_http_transfer_listens(SrHttpTransfer *transfer, bool listens) {
  transfer->not_reading = !listens;
  if (transfer->not_reading && sr_http_has_head(transfer)) sr_http_transfer_look_for_early_end(transfer);
  if (!is_abandoned(transfer)) return;
  transfer->ends_early = true;
  if (!sr_http_transfer_try_arm(transfer)) transfer->ends_early = false;
}

/* A name was not found: asks the system why. True: the transfer goes on until that has answered. */
static bool look_up(SrHttpTransfer *transfer) {
  const char *place = transfer->request->key, *name = strstr(place, "://") + 3;
  if (sr_http_has_head(transfer)) return false;
  if (transfer->failure.code == NULL || strcmp(transfer->failure.code, "ENOTFOUND") != 0) return false;
  uv_loop_t *loop = sr_http_saros->loop(transfer->pool->runtime);
  transfer->lookup = sr_http_lookup_start(loop, name, (size_t)(strrchr(name, ':') - name), on_looked_up, transfer);
  if (transfer->lookup == NULL) return false;
  give_easy_back(transfer, transfer->phase == SR_HTTP_SENDING);
  transfer->phase = SR_HTTP_LOOKING_UP;
  sr_http_deadline_look_up(transfer);
  sr_http_transfer_arm(transfer);
  return true;
}

/*
** libcurl itself sends a request again whose connection had served others and turns out dead, but not where a
** connection of HTTP/2 ends between two frames, or by a GOAWAY: that is done here. A streamed body is sent again by the
** Lua code that streams it. True: the request is under way once more.
*/
static bool send_again(SrHttpTransfer *transfer) {
  SrHttpEasy *easy = transfer->easy;
  if (!transfer->failure.stale || transfer->head.status != 0 || transfer->request->streamed) return false;
  if (!sr_http_may_leave(transfer, easy)) return false;
  sr_http_failure_free(&transfer->failure);
  count_connections(transfer, easy);
  transfer->not_reading = transfer->ends_early = false;
  easy->detail[0] = '\0';
  sr_http_multi_remove(&easy->outlet, easy->handle, false, false);
  sr_http_deadline_begin(transfer);
  start(transfer, easy);
  return true;
}

/* Records what libcurl calls a failure, unless the response is complete all the same. */
static void note_failure(SrHttpTransfer *transfer, CURLcode result) {
  if (sr_http_response_survives(transfer, result)) return;
  if (result == CURLE_OPERATION_TIMEDOUT) sr_http_deadline_fail_connecting(transfer);
  if (sr_http_failure_breaks(transfer->easy, result)) sr_http_multi_break(transfer->easy->handle);
  sr_http_failure_curl(&transfer->failure, transfer->easy, transfer->request, result, sr_http_has_head(transfer));
}

void sr_http_transfer_finish(SrHttpTransfer *transfer, CURLcode result) {
  if (transfer->head.ended && !sr_http_has_head(transfer) && transfer->head.status >= 200)
    sr_http_transfer_finish_head(transfer);
  if (result != CURLE_OK) note_failure(transfer, result);
  if (!sr_http_has_head(transfer)) /* the first failure is the cause */
    sr_http_failure_set(&transfer->failure, "FetchError", "ECONNRESET", "the connection was closed within the headers");
  if (transfer->failure.name == NULL || (!send_again(transfer) && !look_up(transfer))) sr_http_transfer_end(transfer);
}

void sr_http_transfer_granted(SrHttpSlot *slot) {
  sr_http_transfer_wake(owner_of(slot, slot), SR_HTTP_AWAITS_SLOT);
}
