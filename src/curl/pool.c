/* SPDX-License-Identifier: MIT */
/* Multi and easy handles of a pool, see pool.h. */
#include "curl/pool.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "curl/exchange.h"
#include "curl/hooks.h"
#include "http/transfer.h"

/* Idle easy handles kept for reuse; each costs some KiB. */
enum { IDLE_EASIES = 128 };

typedef struct SrCurlPool {
  SrCurlMulti *multi;    /* NULL until the first request of a run */
  SrCurlMulti *unshared; /* the same, for requests that are `unshared` */
  SrCurlEasy *idle_easies;
  unsigned idle_count; /* of idle_easies */
} SrCurlPool;

/* NULL: no memory. */
static SrCurlPool *state_of(SrHttpPool *pool) {
  if (pool->states[SR_HTTP_CURL] == NULL) pool->states[SR_HTTP_CURL] = calloc(1, sizeof(SrCurlPool));
  return pool->states[SR_HTTP_CURL];
}

/* The multi handle that a request goes to. NULL: no memory. */
static SrCurlMulti *take_multi(SrHttpPool *pool, SrCurlPool *state, bool unshared) {
  SrCurlMulti **multi = unshared ? &state->unshared : &state->multi;
  if (*multi != NULL) return *multi;
  long idle_limit = pool->slots.limit < INT_MAX ? (long)pool->slots.limit : 1000L;
  uv_loop_t *loop = sr_http_saros->loop(pool->runtime);
  *multi = sr_curl_multi_new(loop, idle_limit, !unshared, &sr_curl_reports, pool);
  return *multi;
}

/* An easy handle, one that is idle if there is one. NULL: no memory. */
static SrCurlEasy *take_easy(const SrHttpPool *pool, SrCurlPool *state) {
  SrCurlEasy *easy = state->idle_easies;
  if (easy == NULL) return sr_curl_easy_new(&sr_curl_hooks, (long)ceil(pool->max_idle));
  state->idle_easies = easy->next;
  state->idle_count--;
  return easy;
}

static void give_easy(SrCurlPool *state, SrCurlEasy *easy) {
  sr_curl_easy_unload(easy);
  if (state->idle_count >= IDLE_EASIES) {
    sr_curl_easy_free(easy);
    return;
  }
  easy->next = state->idle_easies;
  state->idle_easies = easy;
  state->idle_count++;
}

static void fail_loading(SrHttpTransfer *transfer, CURLcode refusal) {
  bool memory = refusal == CURLE_OUT_OF_MEMORY;
  const char *message = memory ? "not enough memory" : curl_easy_strerror(refusal);
  sr_http_transfer_fail(transfer, "FetchError", memory ? "ENOMEM" : "EINVAL", message);
}

static void start(SrHttpTransfer *transfer) {
  SrHttpPool *pool = transfer->pool;
  SrCurlPool *state = state_of(pool);
  bool unshared = sr_curl_request_of(transfer->request)->unshared;
  SrCurlMulti *multi = state != NULL ? take_multi(pool, state, unshared) : NULL;
  SrCurlEasy *easy = multi != NULL ? take_easy(pool, state) : NULL;
  CURLcode refusal = easy != NULL ? sr_curl_easy_load(easy, transfer->request) : CURLE_OUT_OF_MEMORY;
  if (refusal != CURLE_OK) {
    if (easy != NULL) sr_curl_easy_free(easy);
    fail_loading(transfer, refusal);
    return;
  }
  if (easy->outlet.multi != multi) {
    easy->outlet.multi = multi;
    sr_curl_multi_equip(&easy->outlet, easy->handle);
  }
  sr_curl_exchange_start(transfer, easy);
}

static void release(SrHttpTransfer *transfer, bool was_connected) {
  SrCurlEasy *easy = sr_curl_easy_of(transfer);
  bool is_good = sr_curl_exchange_take_out(transfer, was_connected);
  transfer->carrier = NULL;
  if (is_good)
    give_easy(transfer->pool->states[SR_HTTP_CURL], easy);
  else
    sr_curl_easy_free(easy);
}

static void detach(SrHttpPool *pool) {
  SrCurlPool *state = pool->states[SR_HTTP_CURL];
  if (state == NULL) return;
  if (state->multi != NULL) sr_curl_multi_close(state->multi);
  if (state->unshared != NULL) sr_curl_multi_close(state->unshared);
  state->multi = state->unshared = NULL;
}

static void close_state(SrHttpPool *pool) {
  SrCurlPool *state = pool->states[SR_HTTP_CURL];
  if (state == NULL) return;
  while (state->idle_easies != NULL) {
    SrCurlEasy *easy = state->idle_easies;
    state->idle_easies = easy->next;
    sr_curl_easy_free(easy);
  }
  free(state);
  pool->states[SR_HTTP_CURL] = NULL;
}

/* Sums what `count` says of each multi handle. */
static long count_connections(const SrHttpPool *pool, long (*count)(const SrCurlMulti *multi)) {
  const SrCurlPool *state = pool->states[SR_HTTP_CURL];
  long sum = state != NULL && state->multi != NULL ? count(state->multi) : 0;
  if (state != NULL && state->unshared != NULL) sum += count(state->unshared);
  return sum;
}

static long idle(const SrHttpPool *pool) {
  return count_connections(pool, sr_curl_multi_idle);
}

static long spare(const SrHttpPool *pool) {
  return count_connections(pool, sr_curl_multi_spare);
}

static void on_unused(void *owner, SrCurlMulti *multi) {
  SrCurlPool *state = ((SrHttpPool *)owner)->states[SR_HTTP_CURL];
  if (state->multi == multi) state->multi = NULL;
  if (state->unshared == multi) state->unshared = NULL;
  sr_curl_multi_close(multi);
}

static void leave(SrHttpPool *pool) {
  const SrCurlPool *state = pool->states[SR_HTTP_CURL];
  if (state == NULL) return;
  if (state->multi != NULL) sr_curl_multi_leave(state->multi, on_unused);
  if (state->unshared != NULL) sr_curl_multi_leave(state->unshared, on_unused);
}

const SrHttpBackend sr_curl_backend = {
    .kind = SR_HTTP_CURL,
    .prepare = sr_curl_request_prepare,
    .start = start,
    .resume = sr_curl_exchange_go_on,
    .feed = sr_curl_exchange_go_on,
    .on_time = sr_curl_exchange_on_time,
    .release = release,
    .detach = detach,
    .close = close_state,
    .idle = idle,
    .spare = spare,
    .leave = leave,
};
