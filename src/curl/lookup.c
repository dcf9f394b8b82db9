/* SPDX-License-Identifier: MIT */
/*
** Asking the system's resolver, see lookup.h.
**
** A lookup can take long and cannot be stopped, and a thread of libuv's pool that is busy with one would
** hold up the end of the run. So it has a thread of its own, which nobody joins. The loop and the thread own the
** lookup together; the last to let go frees it.
*/
#include "curl/lookup.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "http/api.h"

struct SrCurlLookup {
  uv_async_t async; /* the thread calls the loop */
  uv_mutex_t mutex; /* of what follows */
  int owners;       /* loop and thread */
  bool dropped;     /* the async is closing: not to be called */
  bool again;       /* the answer */
  void (*on_answer)(void *owner, bool again);
  void *owner;
  char name[];
};

/* Called with the mutex held, which is unlocked here. */
static void let_go(SrCurlLookup *lookup) {
  int owners = --lookup->owners;
  uv_mutex_unlock(&lookup->mutex);
  if (owners > 0) return;
  uv_mutex_destroy(&lookup->mutex);
  free(lookup);
}

static void ask(void *arg) {
  SrCurlLookup *lookup = arg;
  struct addrinfo *found = NULL;
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  int result = getaddrinfo(lookup->name, NULL, &hints, &found);
  if (result == 0) freeaddrinfo(found);
  uv_mutex_lock(&lookup->mutex);
  lookup->again = result == EAI_AGAIN;
  if (!lookup->dropped) uv_async_send(&lookup->async);
  let_go(lookup);
}

static void on_called(uv_async_t *async) {
  SrCurlLookup *lookup = async->data;
  lookup->on_answer(lookup->owner, lookup->again);
}

static void on_closed(uv_handle_t *async) {
  SrCurlLookup *lookup = async->data;
  uv_mutex_lock(&lookup->mutex);
  let_go(lookup);
}

SrCurlLookup *sr_curl_lookup_start(uv_loop_t *loop, const char *name, size_t length,
                                   void (*on_answer)(void *owner, bool again), void *owner) {
  SrCurlLookup *lookup = calloc(1, sizeof *lookup + length + 1);
  if (lookup == NULL) return NULL;
  memcpy(lookup->name, name, length);
  lookup->on_answer = on_answer;
  lookup->owner = owner;
  lookup->owners = 2;
  if (uv_mutex_init(&lookup->mutex) != 0) {
    free(lookup);
    return NULL;
  }
  if (uv_async_init(loop, &lookup->async, on_called) != 0) {
    uv_mutex_destroy(&lookup->mutex);
    free(lookup);
    return NULL;
  }
  lookup->async.data = lookup;
  if (sr_thread_start(ask, lookup)) return lookup;
  lookup->owners = 1;
  sr_curl_lookup_drop(lookup);
  return NULL;
}

void sr_curl_lookup_drop(SrCurlLookup *lookup) {
  uv_mutex_lock(&lookup->mutex);
  lookup->dropped = true;
  uv_mutex_unlock(&lookup->mutex);
  sr_http_saros->close((uv_handle_t *)&lookup->async, on_closed);
}
