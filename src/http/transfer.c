/* SPDX-License-Identifier: MIT */
/*
** The life of one transfer, see transfer.h: everything that happens on the loop, in C. What libcurl calls
** while it goes on stands in hooks.c.
*/
#include "http/transfer.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http/answer.h"
#include "http/deadline.h"

/* What a Content-Length may make us reserve at once. */
#define RESERVE_BOUND 67108864

#define owner_of(pointer, member) ((SrTransfer *)((char *)(pointer)-offsetof(SrTransfer, member)))

void sr_transfer_wake(SrTransfer *transfer, SrAwaited awaited) {
  if (transfer->awaited != awaited || awaited == SR_AWAITS_NOTHING) return;
  transfer->awaited = SR_AWAITS_NOTHING;
  sr_saros->wake(&transfer->wait);
}

/* --- the timer ------------------------------------------------------------- */

int sr_transfer_try_arm(SrTransfer *transfer) {
  saros_runtime *runtime = transfer->pool->runtime;
  double nearest = sr_deadline_nearest(transfer);
  if (nearest < HUGE_VAL) return sr_saros->timer_start(runtime, &transfer->timer, nearest - sr_saros->now(runtime));
  sr_saros->timer_stop(runtime, &transfer->timer);
  return 1;
}

/* The connection has ended without an answer: as long as there is something to send libcurl does not tell. */
static int is_deserted(const SrTransfer *transfer) {
  return transfer->connected && transfer->deaf && sr_transfer_is_starved(transfer);
}

/* What libcurl still waits for when it is told to go on. */
static int pauses(const SrTransfer *transfer) {
  int starved = transfer->upload != NULL && transfer->upload->starved;
  return (transfer->paused ? CURLPAUSE_RECV : 0) | (starved ? CURLPAUSE_SEND : 0);
}

int sr_transfer_is_sending(const SrTransfer *transfer) {
  curl_off_t sent = 0;
  if (transfer->plan->streamed) return transfer->upload != NULL && !transfer->upload->ended;
  if (!sr_answer_may_be_early(transfer)) return 0;
  curl_easy_getinfo(transfer->channel->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent < (curl_off_t)transfer->plan->body_length;
}

void sr_transfer_touch(SrTransfer *transfer) {
  if (transfer->plan->limits.read < HUGE_VAL) transfer->last_byte = sr_saros->now(transfer->pool->runtime);
}

void sr_transfer_look_for_early_end(SrTransfer *transfer) {
  int refused = transfer->upload != NULL && transfer->head.status >= 300;
  if (transfer->early || !sr_answer_may_be_early(transfer) || !(sr_answer_is_over(transfer) || refused)) return;
  transfer->early = 1;
  if (!sr_transfer_try_arm(transfer)) transfer->early = 0;
}

/* Of what had paused, only that which still has to stays so. It may have ended when this returns. */
static void go_on(SrTransfer *transfer) {
  if (transfer->plan->limits.read < HUGE_VAL) {
    sr_transfer_touch(transfer);
    sr_transfer_arm(transfer);
    if (!transfer->open) return;
  }
  CURLcode result = sr_multi_unpause(transfer->channel->outlet.multi, transfer->channel->easy, pauses(transfer));
  if (!transfer->open) return;
  if (result != CURLE_OK) {
    sr_failure_curl(&transfer->failure, transfer->channel, transfer->plan, result, transfer->head_done);
    sr_transfer_end(transfer);
    return;
  }
  if (transfer->head_done) sr_transfer_look_for_early_end(transfer);
}

static void end_deserted(SrTransfer *transfer) {
  sr_failure_curl(&transfer->failure, transfer->channel, transfer->plan, CURLE_GOT_NOTHING, 0);
  sr_transfer_end(transfer);
}

/* The answer came before all of the request had left: the rest stays here. */
static void stop_sending(SrTransfer *transfer) {
  if (transfer->upload != NULL) sr_upload_stop(transfer->upload);
  transfer->upload = NULL;
  if (!sr_answer_is_over(transfer)) {
    go_on(transfer);
    if (transfer->open) sr_transfer_arm(transfer);
    return;
  }
  if (sr_answer_is_cut(transfer))
    sr_failure_set(&transfer->failure, "FetchError", "ETRUNCATED", "the body was cut short");
  sr_transfer_end(transfer);
}

static void on_looked_up(void *owner, int again) {
  SrTransfer *transfer = owner;
  if (again) transfer->failure.code = "EAI_AGAIN";
  sr_transfer_end(transfer);
}

/* Deadlines move while the timer stands: what fires early is set again. */
static void on_fire(saros_timer *timer) {
  SrTransfer *transfer = owner_of(timer, timer);
  double now = sr_saros->now(transfer->pool->runtime);
  int early = transfer->early;
  transfer->early = 0;
  if (is_deserted(transfer)) {
    end_deserted(transfer);
    return;
  }
  if (early && transfer->head_done) {
    stop_sending(transfer);
    return;
  }
  if (transfer->lookup != NULL) {
    on_looked_up(transfer, 1);
    return;
  }
  if (sr_deadline_nudges(transfer, now)) {
    sr_multi_nudge(transfer->channel->outlet.multi, transfer->channel->easy);
    if (!transfer->open) return;
  }
  if (sr_deadline_passes(transfer, now))
    sr_transfer_end(transfer);
  else
    sr_transfer_arm(transfer);
}

void sr_transfer_arm(SrTransfer *transfer) {
  if (!sr_transfer_try_arm(transfer)) sr_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
}

/* --- begin, launch, resume, end -------------------------------------------- */

void sr_transfer_begin(SrTransfer *transfer, SrPool *pool) {
  transfer->timer.on_fire = on_fire;
  transfer->pool = pool;
  transfer->open = 1;
  transfer->next = pool->transfers;
  if (transfer->next != NULL) transfer->next->prev = transfer;
  pool->transfers = transfer;
}

static void watch_upload(const SrTransfer *transfer, SrChannel *channel) {
  if (transfer->plan->limits.read < HUGE_VAL && channel->shape == SR_SHAPE_OTHER) {
    channel->watched = 1;
    curl_easy_setopt(channel->easy, CURLOPT_NOPROGRESS, 0L);
  }
}

/* The channel begins, or begins again. It may have ended when this returns. */
static void start(SrTransfer *transfer, SrChannel *channel) {
  if (!sr_multi_add(channel->outlet.multi, channel->easy)) {
    transfer->channel = NULL; /* it is in no multi: nothing to remove */
    sr_pool_give_channel(transfer->pool, channel);
    sr_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
  }
  if (transfer->open) sr_transfer_arm(transfer);
}

void sr_transfer_launch(SrTransfer *transfer, SrChannel *channel) {
  transfer->channel = channel;
  channel->transfer = transfer;
  transfer->pool->requests++;
  watch_upload(transfer, channel);
  start(transfer, channel);
}

void sr_transfer_resume(SrTransfer *transfer) {
  if (transfer->unbounded && transfer->head.length > 0 && transfer->head.length <= RESERVE_BOUND && transfer->open)
    sr_buffer_reserve(&transfer->body, (size_t)(transfer->head.length - transfer->received));
  if (!transfer->paused || transfer->channel == NULL) return;
  if (!transfer->unbounded && sr_buffer_length(&transfer->body) > 0) return; /* few pauses, so long ones */
  transfer->paused = 0;
  go_on(transfer);
}

void sr_transfer_feed(SrTransfer *transfer) {
  transfer->upload->starved = 0;
  if (transfer->channel != NULL) go_on(transfer);
}

/* Gives the number of connections that were opened for the channel. */
static long count_connections(const SrTransfer *transfer, const SrChannel *channel) {
  long opened = 0;
  curl_easy_getinfo(channel->easy, CURLINFO_NUM_CONNECTS, &opened);
  transfer->pool->connections += (unsigned long long)opened;
  return opened;
}

static void give_channel_back(SrTransfer *transfer) {
  SrChannel *channel = transfer->channel;
  SrPool *pool = transfer->pool;
  if (channel == NULL) return;
  transfer->channel = NULL;
  if (count_connections(transfer, channel) == 0 && transfer->connected) pool->reused++;
  if (transfer->sends > 1) channel->resent = 1;
  if (sr_multi_remove(&channel->outlet, channel->easy, transfer->paused, transfer->head_done))
    sr_pool_give_channel(pool, channel);
  else
    sr_channel_free(channel);
}

static void leave_pool(SrTransfer *transfer) {
  if (transfer->prev != NULL)
    transfer->prev->next = transfer->next;
  else
    transfer->pool->transfers = transfer->next;
  if (transfer->next != NULL) transfer->next->prev = transfer->prev;
  transfer->prev = transfer->next = NULL;
}

void sr_transfer_end(SrTransfer *transfer) {
  if (!transfer->open) return;
  transfer->open = 0;
  sr_saros->timer_stop(transfer->pool->runtime, &transfer->timer);
  sr_saros->resource_close(&transfer->resource);
  leave_pool(transfer);
  give_channel_back(transfer);
  transfer->paused = 0;
  if (transfer->lookup != NULL) sr_lookup_drop(transfer->lookup);
  transfer->lookup = NULL;
  if (transfer->upload != NULL) sr_upload_stop(transfer->upload);
  transfer->upload = NULL;
  sr_slot_release(&transfer->pool->slots, &transfer->slot);
  if (transfer->failure.name != NULL) transfer->pool->failed++;
  sr_transfer_wake(transfer, transfer->awaited);
}

void sr_transfer_fail(SrTransfer *transfer, const char *name, const char *code, const char *message) {
  if (!transfer->open) return;
  if (transfer->lookup != NULL) sr_failure_free(&transfer->failure); /* it was not to be final */
  sr_failure_set(&transfer->failure, name, code, message);
  sr_transfer_end(transfer);
}

int sr_transfer_abort(saros_wait *wait) {
  SrTransfer *transfer = owner_of(wait, wait);
  transfer->awaited = SR_AWAITS_NOTHING;
  sr_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return 1;
}

/* NULL: libcurl has handles of its own, too. */
static SrChannel *channel_of(CURL *easy) {
  SrChannel *channel = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &channel);
  return channel;
}

/* Each end may bring others about: so from the first one again. */
static void on_failure(void *owner) {
  SrTransfer *transfer = ((SrPool *)owner)->transfers;
  while (transfer != NULL) {
    if (transfer->channel == NULL) {
      transfer = transfer->next;
      continue;
    }
    sr_transfer_fail(transfer, "FetchError", "ENOMEM", "not enough memory");
    transfer = ((SrPool *)owner)->transfers;
  }
}

static void heed_listening(SrTransfer *transfer, int listens) {
  transfer->deaf = !listens;
  if (transfer->deaf && transfer->head_done) sr_transfer_look_for_early_end(transfer);
  if (!is_deserted(transfer)) return;
  transfer->early = 1;
  if (!sr_transfer_try_arm(transfer)) transfer->early = 0;
}

static SrOutlet *on_listening(CURL *easy, int listens) {
  SrChannel *channel = channel_of(easy);
  SrTransfer *transfer = channel != NULL ? channel->transfer : NULL;
  if (transfer != NULL && transfer->open) heed_listening(transfer, listens);
  return channel != NULL ? &channel->outlet : NULL;
}

static int is_pausing(void *owner) {
  const SrTransfer *transfer = ((SrPool *)owner)->transfers;
  while (transfer != NULL && !transfer->paused) transfer = transfer->next;
  return transfer != NULL;
}

/* True: the failure waits for the answer. */
static int look_up(SrTransfer *transfer) {
  const char *place = transfer->plan->key, *name = strstr(place, "://") + 3;
  if (transfer->failure.code == NULL || strcmp(transfer->failure.code, "ENOTFOUND") != 0) return 0;
  uv_loop_t *loop = sr_saros->loop(transfer->pool->runtime);
  transfer->lookup = sr_lookup_start(loop, name, (size_t)(strrchr(name, ':') - name), on_looked_up, transfer);
  if (transfer->lookup == NULL) return 0;
  give_channel_back(transfer);
  sr_deadline_look_up(transfer);
  sr_transfer_arm(transfer);
  return 1;
}

/*
** libcurl sends again what it could not receive on a connection that had served; not so where HTTP/2 ends between two
** frames, or by a GOAWAY. A streamed body is sent again by who streams it. True: it is under way once more.
*/
static int send_again(SrTransfer *transfer) {
  SrChannel *channel = transfer->channel;
  if (!transfer->failure.stale || transfer->head.status != 0 || transfer->plan->streamed) return 0;
  if (transfer->sends >= transfer->plan->sends) return 0;
  sr_failure_free(&transfer->failure);
  count_connections(transfer, channel);
  transfer->connected = transfer->deaf = transfer->early = 0;
  channel->detail[0] = '\0';
  sr_multi_remove(&channel->outlet, channel->easy, 0, 0);
  sr_deadline_begin(transfer);
  start(transfer, channel);
  return 1;
}

static void on_done(CURL *easy, CURLcode result) {
  SrChannel *channel = channel_of(easy);
  SrTransfer *transfer = channel != NULL ? channel->transfer : NULL;
  if (transfer == NULL) return;
  if (transfer->head.ended && !transfer->head_done && transfer->head.status >= 200) sr_transfer_finish_head(transfer);
  if (sr_answer_survives(transfer, result)) result = CURLE_OK;
  if (result == CURLE_OPERATION_TIMEDOUT) sr_deadline_fail_connecting(transfer);
  if (sr_failure_breaks(transfer->channel, result)) sr_multi_break(easy);
  if (result != CURLE_OK)
    sr_failure_curl(&transfer->failure, transfer->channel, transfer->plan, result, transfer->head_done);
  else if (!transfer->head_done)
    sr_failure_set(&transfer->failure, "FetchError", "ECONNRESET", "the connection was closed within the headers");
  if (!send_again(transfer) && !look_up(transfer)) sr_transfer_end(transfer);
}

const SrReports sr_transfer_reports = {on_failure, on_done, on_listening, is_pausing};

void sr_transfer_granted(SrSlot *slot) {
  sr_transfer_wake(owner_of(slot, slot), SR_AWAITS_SLOT);
}
