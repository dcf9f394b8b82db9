/* SPDX-License-Identifier: MIT */
/*
** The life of one transfer, see transfer.h: everything that happens to it on the loop, in C. Its phases are listed in
** state.h. What it is carried by is its backend's affair.
**
** The body is buffered. Beyond a bound nothing more is read, and the reader has the backend go on.
*/
#include "http/transfer.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http/deadline.h"
#include "http/upload.h"

const SrHttpType sr_http_transfer_type = {"saros.http.transfer"};

/* A Content-Length makes us reserve no more than this at once. */
enum { RESERVE_BOUND = 67108864 };

#define owner_of(pointer, member) ((SrHttpTransfer *)((char *)(pointer)-offsetof(SrHttpTransfer, member)))

void sr_http_transfer_wake(SrHttpTransfer *transfer, SrHttpAwaited awaited) {
  if (transfer->awaited != awaited || awaited == SR_HTTP_AWAITS_NOTHING) return;
  transfer->awaited = SR_HTTP_AWAITS_NOTHING;
  sr_http_saros->wake(&transfer->wait);
}

/* --- the timer ------------------------------------------------------------- */

static bool try_arm(SrHttpTransfer *transfer, double now) {
  saros_runtime *runtime = transfer->pool->runtime;
  double nearest = sr_http_deadline_nearest(transfer);
  if (nearest < HUGE_VAL) return sr_http_saros->timer_start(runtime, &transfer->timer, nearest - now);
  sr_http_saros->timer_stop(runtime, &transfer->timer);
  return true;
}

static void arm(SrHttpTransfer *transfer, double now) {
  if (!try_arm(transfer, now)) sr_http_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
}

bool sr_http_transfer_try_arm(SrHttpTransfer *transfer) {
  return try_arm(transfer, sr_http_saros->now(transfer->pool->runtime));
}

void sr_http_transfer_arm(SrHttpTransfer *transfer) {
  arm(transfer, sr_http_saros->now(transfer->pool->runtime));
}

bool sr_http_transfer_call_back(SrHttpTransfer *transfer) {
  transfer->backend_at = 0;
  return sr_http_transfer_try_arm(transfer);
}

void sr_http_transfer_touch(SrHttpTransfer *transfer) {
  if (transfer->request->limits.read < HUGE_VAL) transfer->last_byte = sr_http_saros->now(transfer->pool->runtime);
}

/* Deadlines move while the timer stands, so unless one has passed it is set again. */
static void on_fire(saros_timer *timer) {
  SrHttpTransfer *transfer = owner_of(timer, timer);
  double now = sr_http_saros->now(transfer->pool->runtime);
  if (transfer->is_asking || transfer->backend_at <= now + SR_HTTP_TIMER_SLACK) {
    transfer->backend_at = HUGE_VAL;
    transfer->backend->on_time(transfer, now);
    if (!sr_http_is_open(transfer)) return;
  }
  if (sr_http_deadline_passes(transfer, now))
    sr_http_transfer_end(transfer);
  else
    sr_http_transfer_arm(transfer);
}

/* --- what backends tell ---------------------------------------------------- */

bool sr_http_transfer_refuse(SrHttpTransfer *transfer, const char *code, const char *message) {
  sr_http_failure_set(&transfer->failure, "FetchError", code, message);
  return false;
}

bool sr_http_transfer_connected(SrHttpTransfer *transfer) {
  transfer->sends++;
  transfer->phase = SR_HTTP_SENDING;
  sr_http_transfer_touch(transfer);
  if (transfer->request->limits.read == HUGE_VAL || sr_http_transfer_try_arm(transfer)) return true;
  return sr_http_transfer_refuse(transfer, "ENOMEM", "not enough memory");
}

bool sr_http_transfer_keep_head(SrHttpTransfer *transfer, const char *bytes, size_t length) {
  if (length <= sizeof transfer->small_head) {
    memcpy(transfer->small_head, bytes, length);
    transfer->small_length = (unsigned)length;
    return true;
  }
  if (sr_buffer_append(&transfer->lines, bytes, length)) return true;
  return sr_http_transfer_refuse(transfer, "ENOMEM", "not enough memory");
}

void sr_http_transfer_finish_head(SrHttpTransfer *transfer) {
  transfer->phase = SR_HTTP_RECEIVING;
  transfer->head_at = sr_http_saros->now(transfer->pool->runtime);
  sr_http_transfer_wake(transfer, SR_HTTP_AWAITS_HEAD);
}

/* So much is about to be put into the body. */
static void take_spare(SrHttpTransfer *transfer, int64_t length) {
  if (transfer->body.data == NULL && length <= SR_HTTP_SPARE_MOST)
    sr_http_spare_take(&transfer->pool->spares, &transfer->body);
}

void sr_http_transfer_reserve(SrHttpTransfer *transfer, size_t length) {
  int64_t expected = transfer->head.length;
  bool is_first = transfer->body.data == NULL;
  take_spare(transfer, expected);
  if (is_first && expected > (int64_t)length)
    sr_buffer_reserve(&transfer->body, expected < SR_HTTP_BODY_BOUND ? (size_t)expected : SR_HTTP_BODY_BOUND);
}

bool sr_http_transfer_take(SrHttpTransfer *transfer, const char *bytes, size_t length) {
  int64_t room = sr_http_is_coded(transfer) ? (int64_t)length : transfer->request->max_body - transfer->received;
  size_t count = (int64_t)length > room ? (size_t)room : length;
  if (!sr_buffer_append(&transfer->body, bytes, count))
    return sr_http_transfer_refuse(transfer, "ENOMEM", "not enough memory");
  transfer->received += (int64_t)count;
  if (count < length) return sr_http_transfer_refuse(transfer, "ETOOLARGE", "the body is larger than max_body_size");
  return true;
}

bool sr_http_transfer_is_full(const SrHttpTransfer *transfer) {
  return !transfer->unbounded && sr_buffer_length(&transfer->body) >= SR_HTTP_BODY_BOUND;
}

void sr_http_transfer_stop_upload(SrHttpTransfer *transfer) {
  if (transfer->upload != NULL) sr_http_upload_stop(transfer->upload);
  transfer->upload = NULL;
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

void sr_http_transfer_launch(SrHttpTransfer *transfer, double now) {
  SrHttpPool *pool = transfer->pool;
  pool->requests++;
  pool->backends[transfer->backend->kind] = transfer->backend;
  transfer->phase = SR_HTTP_CONNECTING;
  transfer->launched = now;
  sr_http_deadline_begin_at(transfer, now);
  transfer->backend->start(transfer);
  if (sr_http_is_open(transfer)) arm(transfer, now);
}

void sr_http_transfer_resume(SrHttpTransfer *transfer) {
  if (transfer->unbounded && transfer->head.length > 0 && transfer->head.length <= RESERVE_BOUND &&
      sr_http_is_open(transfer))
    sr_buffer_reserve(&transfer->body, (size_t)(transfer->head.length - transfer->received));
  if (!transfer->paused || transfer->carrier == NULL) return;
  if (!transfer->unbounded && sr_buffer_length(&transfer->body) > 0)
    return; /* it pauses until all is read: few long pauses cost less than many */
  transfer->paused = false;
  if (transfer->request->limits.read < HUGE_VAL) {
    sr_http_transfer_touch(transfer);
    sr_http_transfer_arm(transfer);
    if (!sr_http_is_open(transfer)) return;
  }
  transfer->backend->resume(transfer);
}

void sr_http_transfer_feed(SrHttpTransfer *transfer) {
  transfer->upload->starved = false;
  if (transfer->carrier == NULL) return;
  if (transfer->request->limits.read < HUGE_VAL) {
    sr_http_transfer_touch(transfer);
    sr_http_transfer_arm(transfer);
    if (!sr_http_is_open(transfer)) return;
  }
  transfer->backend->feed(transfer);
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
  bool was_connected = transfer->phase > SR_HTTP_CONNECTING;
  transfer->phase = transfer->phase == SR_HTTP_RECEIVING ? SR_HTTP_ENDED : SR_HTTP_FAILED;
  sr_http_saros->timer_stop(transfer->pool->runtime, &transfer->timer);
  sr_http_saros->resource_close(&transfer->resource);
  leave_pool(transfer);
  if (transfer->carrier != NULL) transfer->backend->release(transfer, was_connected);
  transfer->paused = false;
  sr_http_transfer_stop_upload(transfer);
  sr_http_slot_release(&transfer->pool->slots, &transfer->slot);
  if (transfer->failure.name != NULL) transfer->pool->failed++;
  sr_http_transfer_wake(transfer, transfer->awaited);
}

void sr_http_transfer_fail(SrHttpTransfer *transfer, const char *name, const char *code, const char *message) {
  if (!sr_http_is_open(transfer)) return;
  if (transfer->is_asking) sr_http_failure_free(&transfer->failure);
  sr_http_failure_set(&transfer->failure, name, code, message);
  sr_http_transfer_end(transfer);
}

int sr_http_transfer_abort(saros_wait *wait) {
  SrHttpTransfer *transfer = owner_of(wait, wait);
  transfer->awaited = SR_HTTP_AWAITS_NOTHING;
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return 1;
}

void sr_http_transfer_granted(SrHttpSlot *slot) {
  sr_http_transfer_wake(owner_of(slot, slot), SR_HTTP_AWAITS_SLOT);
}
