/* SPDX-License-Identifier: MIT */
/* A transport on the loop and off it, see attachment.h. */
#include "process/attachment.h"

#include <stdlib.h>

/* --- on the loop and off it ----------------------------------------------------- */

static void free_handle(uv_handle_t *handle) {
  free(handle);
}

/* Takes it off the loop. */
void sr_process_detach(SrProcessTransport *transport) {
  if (transport->handle != NULL) {
    transport->handle->any.data = NULL;
    sr_io_saros->close(&transport->handle->any, free_handle);
    transport->handle = NULL;
    transport->events = 0;
  }
  sr_io_saros->resource_close(&transport->resource);
}

/* The same for good. */
void sr_process_end(SrProcessTransport *transport) {
  sr_process_detach(transport);
  sr_descriptor_release(&transport->descriptor);
  sr_buffer_free(&transport->out);
  transport->has_ended = true;
}

void sr_process_finish(SrProcessTransport *transport) {
  SrProcessPiece *piece = transport->piece;
  sr_process_end(transport);
  if (transport->standard >= 0) transport->context->closed_in[transport->standard] = transport->context->runs;
  if (piece != NULL && piece->is_busy)
    piece->owner = NULL;
  else
    free(piece);
  if (transport->is_gone != NULL) *transport->is_gone = true;
  free(transport);
}

/* A deadlock is one only if nobody waits for it and nothing is left to be sent. */
void sr_process_hold(SrProcessTransport *transport) {
  if (transport->handle == NULL) return;
  if (transport->is_awaited || sr_buffer_length(&transport->out) > 0)
    uv_ref(&transport->handle->any);
  else
    uv_unref(&transport->handle->any);
}

/* Makes the handle; what cannot be polled is taken for a file. 0 or a status. */
static int open_handle(SrProcessTransport *transport, uv_loop_t *loop) {
  SrDescriptor *descriptor = &transport->descriptor;
  SrProcessHandle *handle = (SrProcessHandle *)calloc(1, sizeof *handle);
  if (handle == NULL) return UV_ENOMEM;
  if (descriptor->can_wait) {
    descriptor->can_wait = uv_poll_init(loop, &handle->poll, descriptor->fd) == 0;
    sr_descriptor_settle(descriptor);
  }
  if (!descriptor->can_wait) uv_idle_init(loop, &handle->idle);
  handle->any.data = transport;
  transport->handle = handle;
  sr_process_hold(transport);
  return 0;
}

/* Puts it on the loop of the present run, if it is not there yet. 0 or a status. */
int sr_process_attach(SrProcessTransport *transport) {
  SrProcessContext *context = transport->context;
  if (transport->handle != NULL || transport->has_ended) return 0;
  uv_loop_t *loop = sr_io_saros->loop(context->runtime);
  int status = loop == NULL ? UV_ECANCELED : 0;
  if (status == 0 && transport->descriptor.fd < 0)
    status = sr_descriptor_borrow(&transport->descriptor, transport->standard);
  if (status == 0) status = open_handle(transport, loop);
  if (status == 0) sr_io_saros->resource_open(context->main, &transport->resource);
  return status;
}

/* --- telling ---------------------------------------------------------------------- */

/*
** Its sink may close it, and it is freed: false then. Each of these is the last, or is followed by nothing but a look
** at this.
*/
bool sr_process_tell_read(SrProcessTransport *transport, const char *bytes, size_t count) {
  bool is_gone = false;
  transport->is_gone = &is_gone;
  transport->base.sink->on_read(transport->base.owner, bytes, count);
  if (!is_gone) transport->is_gone = NULL;
  return !is_gone;
}

/* A pipe that was read to its end is of no more use. */
void sr_process_tell_end(SrProcessTransport *transport, int status) {
  transport->is_reading = false;
  if (transport->standard < 0) sr_process_end(transport);
  transport->base.sink->on_end(transport->base.owner, status);
}

/* --- new -------------------------------------------------------------------------------- */

/* Its resource has no name: a pipe belongs to its process, and standard streams to nobody. */
SrProcessTransport *sr_process_new_transport(SrProcessContext *context, int standard) {
  SrProcessTransport *transport = (SrProcessTransport *)calloc(1, sizeof *transport);
  if (transport == NULL) return NULL;
  transport->context = context;
  transport->descriptor.fd = transport->descriptor.given = transport->descriptor.flags = -1;
  transport->standard = standard;
  return transport;
}
