/* SPDX-License-Identifier: MIT */
/*
** A descriptor as a transport of a stream: the end of a pipe, a terminal, a file, whatever standard input and output
** may be.
**
** What can be polled is read and written when it is ready. Files always are: they are written at once, as print does,
** so that what was written is out.
*/
#include <stdlib.h>
#include <string.h>

#include "process/piece.h"

static SrProcessTransport *transport_of(saros_transport *transport) {
  return SR_IO_CONTAINER(transport, SrProcessTransport, base);
}

/* --- what can be polled ---------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void poll_for_it(SrProcessTransport *transport) {
  int events = (transport->is_reading ? UV_READABLE : 0) | (sr_buffer_length(&transport->out) > 0 ? UV_WRITABLE : 0);
  sr_process_hold(transport);
  if (transport->handle == NULL || !transport->descriptor.can_wait || events == transport->events) return;
  transport->events = events;
  if (events == 0)
    uv_poll_stop(&transport->handle->poll);
  else
    uv_poll_start(&transport->handle->poll, events, on_ready);
}

static void read_some(SrProcessTransport *transport) {
  uv_buf_t room = uv_buf_init(NULL, 0);
  const saros_sink *sink = transport->base.sink;
  if (sink->on_room != NULL) sink->on_room(transport->base.owner, &room);
  if (room.len == 0) room = uv_buf_init(transport->context->room, sizeof transport->context->room);
  ptrdiff_t count = sr_descriptor_read(&transport->descriptor, room.base, room.len);
  if (count > 0)
    sr_process_tell_read(transport, room.base, (size_t)count);
  else if (count != UV_EAGAIN) {
    transport->is_reading = false;
    poll_for_it(transport);
    sr_process_tell_end(transport, count == 0 ? UV_EOF : (int)count);
  }
}

/* Sends what waits, as far as the system takes it; 0 or a status. */
static int send_out(SrProcessTransport *transport) {
  SrBuffer *out = &transport->out;
  while (sr_buffer_length(out) > 0) {
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)sr_buffer_front(out), 0);
    buf.len = sr_buffer_length(out);
    ptrdiff_t sent = sr_descriptor_write(&transport->descriptor, &buf, 1);
    if (sent == UV_EAGAIN) return 0;
    if (sent < 0) {
      sr_buffer_free(out);
      return (int)sent;
    }
    sr_buffer_take(out, (size_t)sent);
  }
  sr_buffer_free(out);
  return 0;
}

static void shut(SrProcessTransport *transport) {
  transport->is_ending = false;
  transport->is_write_shut = true;
  if (transport->standard < 0) sr_process_end(transport);
  if (transport->base.sink != NULL) transport->base.sink->on_shutdown(transport->base.owner, 0);
}

/* There is room again. */
static void write_some(SrProcessTransport *transport) {
  int status = send_out(transport);
  bool is_empty = sr_buffer_length(&transport->out) == 0;
  poll_for_it(transport);
  if (transport->is_lingering) {
    if (is_empty) sr_process_finish(transport);
  } else if (is_empty && transport->is_ending && status == 0)
    shut(transport);
  else
    transport->base.sink->on_drain(transport->base.owner, status);
}

/* Whatever is wrong, reading and writing tell it. */
static void on_ready(uv_poll_t *poll, int status, int events) {
  SrProcessTransport *transport = (SrProcessTransport *)poll->data;
  if (transport == NULL) return;
  if (status < 0) {
    events = transport->events;
    transport->events = 0; /* libuv has ended to poll it */
  }
  if ((events & UV_READABLE) != 0 && transport->is_reading) read_some(transport);
  if (poll->data != transport) return;
  if ((events & UV_WRITABLE) != 0) write_some(transport);
  if (poll->data == transport && status < 0) poll_for_it(transport);
}

/* --- the class ----------------------------------------------------------------------------- */

static int transport_start(saros_transport *base) {
  SrProcessTransport *transport = transport_of(base);
  int status = sr_process_attach(transport);
  if (status != 0 || transport->has_ended) return status;
  if (!transport->descriptor.can_read) return UV_EBADF;
  transport->is_reading = true;
  if (transport->descriptor.can_wait)
    poll_for_it(transport);
  else
    sr_process_read_file(transport);
  return 0;
}

static void transport_stop(saros_transport *base) {
  SrProcessTransport *transport = transport_of(base);
  transport->is_reading = false;
  poll_for_it(transport);
}

/* What the system takes at once: of a file all of it. How many bytes, or a status. */
static ptrdiff_t write_now(SrProcessTransport *transport, const uv_buf_t *bufs, unsigned count) {
  ptrdiff_t total = 0;
  size_t offset = 0; /* in the first of `bufs` */
  while (count > 0) {
    uv_buf_t rest = uv_buf_init(bufs->base + offset, 0);
    rest.len = bufs->len - offset;
    ptrdiff_t sent = rest.len == 0 ? 0
                     : offset == 0 ? sr_descriptor_write(&transport->descriptor, bufs, count)
                                   : sr_descriptor_write(&transport->descriptor, &rest, 1);
    if (sent == UV_EAGAIN && !transport->descriptor.can_wait) {
      sr_descriptor_await_room(&transport->descriptor);
      continue;
    }
    if (sent < 0) return sent == UV_EAGAIN || (total > 0 && transport->descriptor.can_wait) ? total : sent;
    total += sent;
    offset += (size_t)sent;
    for (; count > 0 && offset >= bufs->len; bufs++, count--) offset -= bufs->len;
  }
  return total;
}

/* Copies what is behind the first `sent` bytes, up to a bound. How many bytes are sent or copied, or a status. */
static ptrdiff_t keep_rest(SrProcessTransport *transport, const uv_buf_t *bufs, unsigned count, size_t sent) {
  size_t taken = sent;
  for (unsigned i = 0; i < count; i++) {
    size_t skipped = sent < bufs[i].len ? sent : bufs[i].len;
    size_t size = bufs[i].len - skipped, room = SAROS_HIGH_WATER - sr_buffer_length(&transport->out);
    sent -= skipped;
    if (size > room) size = room;
    if (size > 0 && !sr_buffer_append(&transport->out, bufs[i].base + skipped, size)) return UV_ENOMEM;
    taken += size;
  }
  return (ptrdiff_t)taken;
}

static ptrdiff_t transport_write(saros_transport *base, const uv_buf_t *bufs, unsigned count) {
  SrProcessTransport *transport = transport_of(base);
  if (transport->has_ended || transport->is_write_shut) return UV_EPIPE;
  int status = sr_process_attach(transport);
  if (status != 0) return status;
  ptrdiff_t taken = sr_buffer_length(&transport->out) > 0 ? 0 : write_now(transport, bufs, count);
  if (taken >= 0) taken = keep_rest(transport, bufs, count, (size_t)taken);
  poll_for_it(transport);
  return taken;
}

static size_t transport_pending(const saros_transport *base) {
  return sr_buffer_length(&SR_IO_CONTAINER(base, SrProcessTransport, base)->out);
}

static int transport_shutdown(saros_transport *base) {
  SrProcessTransport *transport = transport_of(base);
  transport->is_ending = true;
  if (sr_buffer_length(&transport->out) == 0) shut(transport);
  return 0;
}

static void transport_close(saros_transport *base, int at_once) {
  SrProcessTransport *transport = transport_of(base);
  transport->base.sink = NULL;
  transport->is_reading = false;
  transport->is_lingering = !at_once && sr_buffer_length(&transport->out) > 0;
  if (transport->is_lingering)
    poll_for_it(transport);
  else
    sr_process_finish(transport);
}

static void transport_hold(saros_transport *base, int is_awaited) {
  SrProcessTransport *transport = transport_of(base);
  transport->is_awaited = is_awaited;
  if (is_awaited && transport->is_reading && transport->handle == NULL)
    transport_start(base); /* it was begun in a former run */
  sr_process_hold(transport);
}

/* There are no addresses, and who wants the descriptor asks for it. */
static uv_handle_t *transport_handle(saros_transport *base) {
  static uv_handle_t none;
  (void)base;
  return &none;
}

static saros_resource *transport_resource(saros_transport *base) {
  return &transport_of(base)->resource;
}

static const saros_transport_class transport_class = {
    .name = "descriptor",
    .start = transport_start,
    .stop = transport_stop,
    .write = transport_write,
    .pending = transport_pending,
    .shutdown = transport_shutdown,
    .close = transport_close,
    .hold = transport_hold,
    .handle = transport_handle,
    .resource = transport_resource,
};

/* --- the end of a run ------------------------------------------------------------------------ */

/* All that was written is out when a run ends, however long that takes. */
static void drain(SrProcessTransport *transport) {
  while (sr_buffer_length(&transport->out) > 0) {
    sr_descriptor_await_room(&transport->descriptor);
    send_out(transport);
  }
}

static void end_standard(SrProcessTransport *transport) {
  drain(transport);
  if (transport->is_lingering) {
    sr_process_finish(transport);
    return;
  }
  sr_process_detach(transport);
  sr_descriptor_release(&transport->descriptor);
}

static void on_run_end(saros_resource *resource) {
  SrProcessTransport *transport = SR_IO_CONTAINER(resource, SrProcessTransport, resource);
  const saros_sink *sink = transport->base.sink;
  void *owner = transport->base.owner;
  if (transport->standard >= 0) {
    end_standard(transport);
    return;
  }
  sr_process_finish(transport);
  if (sink != NULL) sink->on_closed(owner);
}

/* --- new --------------------------------------------------------------------------------------- */

static SrProcessTransport *open_transport(SrProcessContext *context, int standard) {
  SrProcessTransport *transport = sr_process_new_transport(context, standard);
  if (transport == NULL) return NULL;
  transport->base.cls = &transport_class;
  transport->resource.on_run_end = on_run_end;
  return transport;
}

saros_transport *sr_process_transport(SrProcessContext *context, int fd) {
  SrDescriptor own = sr_descriptor_own(fd);
  SrProcessTransport *transport = open_transport(context, -1);
  if (transport != NULL) {
    transport->descriptor = own;
    if (sr_process_attach(transport) == 0) return &transport->base;
    sr_process_finish(transport);
    return NULL;
  }
  sr_descriptor_release(&own);
  return NULL;
}

saros_transport *sr_process_standard_transport(SrProcessContext *context, int number) {
  SrProcessTransport *transport = open_transport(context, number);
  return transport != NULL ? &transport->base : NULL;
}

int sr_process_descriptor(saros_stream *stream) {
  saros_transport *transport = sr_process_streams->transport(stream);
  uv_os_fd_t fd;
  if (transport == NULL || transport->cls->push_info != NULL) return -1; /* closed, or encrypted */
  if (transport->cls == &transport_class)
    return transport_of(transport)->standard >= 0 ? transport_of(transport)->standard
                                                  : transport_of(transport)->descriptor.fd;
  return uv_fileno(transport->cls->handle(transport), &fd) == 0 ? (int)(intptr_t)fd : -1;
}
