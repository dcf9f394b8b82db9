/* SPDX-License-Identifier: MIT */
/* Calls from other threads. See port.h. */
#include "runtime/port.h"

#include <stdlib.h>

#include "runtime/resource.h"

/* One for each run in which a call was announced. */
struct SrGate {
  uv_async_t async;
  uv_mutex_t mutex;                /* of what follows */
  struct saros_post *first, *last; /* calls to be made, linked by next */
  bool is_shut;                    /* no more of them */
  int owners;                      /* the run until the async is closed, and each port */
  unsigned awaited;                /* the run's own: ports that count */
};

struct saros_port {
  SrGate *gate;
  bool counts; /* the run's own: it is among the awaited */
};

static void let_go(SrGate *gate) {
  uv_mutex_lock(&gate->mutex);
  int owners = --gate->owners;
  uv_mutex_unlock(&gate->mutex);
  if (owners > 0) return;
  uv_mutex_destroy(&gate->mutex);
  free(gate);
}

static void on_closed(uv_handle_t *async) {
  let_go((SrGate *)async->data);
}

/* --- on the run's thread ---------------------------------------------------------- */

static void await(SrGate *gate, int change) {
  gate->awaited += (unsigned)change;
  if (gate->awaited > 0)
    uv_ref((uv_handle_t *)&gate->async);
  else
    uv_unref((uv_handle_t *)&gate->async);
}

void sr_port_forget(saros_port *port) {
  if (port->counts && !uv_is_closing((uv_handle_t *)&port->gate->async)) await(port->gate, -1);
  port->counts = false;
}

void sr_port_unexpect(saros_port *port) {
  SrGate *gate = port->gate;
  sr_port_forget(port);
  free(port);
  let_go(gate);
}

static void make_calls(SrGate *gate) {
  uv_mutex_lock(&gate->mutex);
  saros_post *post = gate->first;
  gate->first = gate->last = NULL;
  uv_mutex_unlock(&gate->mutex);
  while (post != NULL) {
    saros_post *next = post->next;
    sr_port_unexpect(post->port);
    post->on_loop(post); /* it may free itself */
    post = next;
  }
}

static void on_async(uv_async_t *async) {
  make_calls((SrGate *)async->data);
}

static SrGate *open_gate(SrRuntime *rt) {
  SrGate *gate = (SrGate *)calloc(1, sizeof *gate);
  if (gate == NULL) return NULL;
  if (uv_mutex_init(&gate->mutex) != 0) return free(gate), NULL;
  gate->owners = 1;
  if (uv_async_init(rt->loop.uv, &gate->async, on_async) != 0) return let_go(gate), NULL;
  gate->async.data = gate;
  uv_unref((uv_handle_t *)&gate->async);
  rt->loop.gate = gate;
  return gate;
}

saros_port *sr_port_expect(SrRuntime *rt) {
  SrGate *gate = rt->loop.gate != NULL ? rt->loop.gate : open_gate(rt);
  saros_port *port = gate != NULL ? (saros_port *)malloc(sizeof *port) : NULL;
  if (port == NULL) return NULL;
  port->gate = gate;
  port->counts = true;
  uv_mutex_lock(&gate->mutex);
  gate->owners++;
  uv_mutex_unlock(&gate->mutex);
  await(gate, 1);
  return port;
}

void sr_port_shut(SrRuntime *rt) {
  SrGate *gate = rt->loop.gate;
  if (gate == NULL) return;
  rt->loop.gate = NULL;
  uv_mutex_lock(&gate->mutex);
  gate->is_shut = true;
  uv_mutex_unlock(&gate->mutex);
  make_calls(gate);
  sr_close_handle((uv_handle_t *)&gate->async, on_closed);
}

/* --- in any thread ------------------------------------------------------------------- */

int sr_port_post(saros_port *port, saros_post *post) {
  SrGate *gate = port->gate;
  post->port = port;
  post->next = NULL;
  uv_mutex_lock(&gate->mutex);
  bool is_shut = gate->is_shut;
  if (!is_shut) {
    if (gate->last != NULL)
      gate->last->next = post;
    else
      gate->first = post;
    gate->last = post;
    uv_async_send(&gate->async);
  }
  uv_mutex_unlock(&gate->mutex);
  if (!is_shut) return 1;
  free(port);
  let_go(gate);
  return 0;
}
