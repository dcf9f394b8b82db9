/* SPDX-License-Identifier: MIT */
/* Threads that ask the system's resolver, see resolver.h. */
#include "net/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"

enum {
  MOST_ASKED = 32,   /* so many look-ups that somebody waits for at once, in the whole process */
  MOST_THREADS = 128 /* and so many threads, with those that still ask what nobody waits for any more */
};

/* The one line of the process. */
static struct {
  uv_once_t once;
  uv_mutex_t mutex;
  SrNetLookup *first, *last;
  int threads; /* that are there */
  int lost;    /* of them: those that ask what nobody waits for any more */
} line = {.once = UV_ONCE_INIT};

static void open_line(void) {
  uv_mutex_init(&line.mutex);
}

/* The lock is held. */
static void let_go(SrNetLookup *lookup) {
  if (--lookup->owners > 0) return;
  free(lookup->name);
  free(lookup->addresses);
  free(lookup);
}

/* --- in a thread -------------------------------------------------------------------- */

static bool is_known(const SrNetLookup *lookup, const SrIoAddress *address) {
  for (size_t i = 0; i < lookup->count; i++)
    if (memcmp(&lookup->addresses[i], address, sizeof *address) == 0) return true;
  return false;
}

static void keep_addresses(SrNetLookup *lookup, const struct addrinfo *list) {
  size_t count = 0;
  for (const struct addrinfo *each = list; each != NULL; each = each->ai_next) count++;
  lookup->addresses = (SrIoAddress *)calloc(count > 0 ? count : 1, sizeof *lookup->addresses);
  if (lookup->addresses == NULL) {
    lookup->result = EAI_MEMORY;
    return;
  }
  for (const struct addrinfo *each = list; each != NULL; each = each->ai_next) {
    SrIoAddress address;
    memset(&address, 0, sizeof address);
    if ((each->ai_family != AF_INET && each->ai_family != AF_INET6) || each->ai_addrlen > sizeof address) continue;
    memcpy(&address, each->ai_addr, each->ai_addrlen);
    if (!is_known(lookup, &address)) lookup->addresses[lookup->count++] = address;
  }
}

static void ask(SrNetLookup *lookup) {
  if (lookup->name == NULL) {
    socklen_t size = lookup->address.any.sa_family == AF_INET6 ? sizeof lookup->address.v6 : sizeof lookup->address.v4;
    lookup->result = getnameinfo(&lookup->address.any, size, lookup->found, sizeof lookup->found, NULL, 0, NI_NAMEREQD);
    lookup->error = errno;
    return;
  }
  struct addrinfo *list = NULL;
  const struct addrinfo hints = {.ai_family = lookup->family, .ai_socktype = SOCK_STREAM};
  lookup->result = getaddrinfo(lookup->name, NULL, &hints, &list);
  lookup->error = errno;
  if (lookup->result != 0) return;
  keep_addresses(lookup, list);
  freeaddrinfo(list);
}

/* The lock is held before and after. */
static void answer(SrNetLookup *lookup) {
  if (!lookup->is_dropped) {
    lookup->is_asked = true;
    uv_mutex_unlock(&line.mutex);
    ask(lookup);
    uv_mutex_lock(&line.mutex);
    lookup->is_asked = false;
    if (lookup->is_dropped) line.lost--;
  }
  if (!lookup->is_dropped) uv_async_send(&lookup->async);
  let_go(lookup);
}

static void serve(void *unused) {
  (void)unused;
  uv_mutex_lock(&line.mutex);
  while (line.first != NULL && line.threads - line.lost <= MOST_ASKED) {
    SrNetLookup *lookup = line.first;
    line.first = lookup->next;
    if (line.first == NULL) line.last = NULL;
    answer(lookup);
  }
  line.threads--;
  uv_mutex_unlock(&line.mutex);
}

/* --- on the loop ---------------------------------------------------------------------- */

/* One more thread, if there may be one and can be had. The lock is held. */
static void add_thread(void) {
  if (line.threads - line.lost >= MOST_ASKED || line.threads >= MOST_THREADS) return;
  if (sr_thread_start(serve, NULL)) line.threads++;
}

/* Puts it in line. False: there is no thread, and none can be had. */
static bool enqueue(SrNetLookup *lookup) {
  uv_mutex_lock(&line.mutex);
  add_thread();
  bool is_served = line.threads > 0;
  if (is_served) {
    lookup->owners = 2;
    if (line.last != NULL)
      line.last->next = lookup;
    else
      line.first = lookup;
    line.last = lookup;
  }
  uv_mutex_unlock(&line.mutex);
  return is_served;
}

static void on_closed(uv_handle_t *async) {
  uv_mutex_lock(&line.mutex);
  let_go((SrNetLookup *)async->data);
  uv_mutex_unlock(&line.mutex);
}

static void on_called(uv_async_t *async) {
  SrNetLookup *lookup = (SrNetLookup *)async->data;
  lookup->on_done(lookup);
}

/* Its thread is lost for now: another one takes its place, for those in line. */
void sr_net_lookup_drop(SrNetLookup *lookup) {
  uv_mutex_lock(&line.mutex);
  lookup->is_dropped = true;
  if (lookup->is_asked) {
    line.lost++;
    if (line.first != NULL) add_thread();
  }
  uv_mutex_unlock(&line.mutex);
  sr_io_saros->close((uv_handle_t *)&lookup->async, on_closed);
}

SrNetLookup *sr_net_lookup(uv_loop_t *loop, const char *name, int family, const SrIoAddress *address, int *status) {
  uv_once(&line.once, open_line);
  SrNetLookup *lookup = (SrNetLookup *)calloc(1, sizeof *lookup);
  *status = UV_ENOMEM;
  if (lookup == NULL) return NULL;
  lookup->family = family;
  if (address != NULL) lookup->address = *address;
  if (name != NULL && (lookup->name = strdup(name)) == NULL) return free(lookup), NULL;
  *status = uv_async_init(loop, &lookup->async, on_called);
  if (*status != 0) {
    free(lookup->name);
    return free(lookup), NULL;
  }
  lookup->async.data = lookup;
  lookup->owners = 1;
  if (enqueue(lookup)) return lookup;
  sr_net_lookup_drop(lookup);
  *status = UV_ENOMEM;
  return NULL;
}

const char *sr_net_lookup_code(const SrNetLookup *lookup) {
  switch (lookup->result) {
#ifdef EAI_NODATA
  case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
  case EAI_ADDRFAMILY:
#endif
  case EAI_NONAME: return "ENOTFOUND";
  case EAI_AGAIN: return "EAI_AGAIN";
  case EAI_FAIL: return "EAI_FAIL";
  case EAI_FAMILY: return "EAI_FAMILY";
  case EAI_MEMORY: return "ENOMEM";
  default: return lookup->error != 0 ? uv_err_name(uv_translate_sys_error(lookup->error)) : "EAI_FAIL";
  }
}
