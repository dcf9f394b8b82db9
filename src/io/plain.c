/* SPDX-License-Identifier: MIT */
/*
** A stream of libuv's as a transport, see plain.h.
**
** Reading goes through one room for all streams of a state, unless the sink has a better one. Writing tries the
** system first; what it does not take is copied into a request of its own, so the bytes belong to the operation.
*/
#include "io/plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"

/* How long a closed transport may take to send what is pending, in milliseconds. */
enum { LINGER_TIME = 30000 };

/* What the system did not take. */
typedef struct Rest {
  uv_write_t request;
  char bytes[];
} Rest;

static SrIoPlain *plain_of(saros_transport *transport) {
  return SR_IO_CONTAINER(transport, SrIoPlain, base);
}

/* --- closing ---------------------------------------------------------------- */

static void free_timer(uv_handle_t *timer) {
  free(timer);
}

static void on_closed(uv_handle_t *handle) {
  SrIoPlain *plain = (SrIoPlain *)handle->data;
  if (plain->release != NULL) plain->release(plain->stream);
  free(plain);
}

static void finish(SrIoPlain *plain) {
  plain->base.sink = NULL;
  plain->base.owner = NULL;
  sr_io_saros->resource_close(&plain->resource);
  if (plain->patience != NULL) sr_io_saros->close((uv_handle_t *)plain->patience, free_timer);
  plain->patience = NULL;
  sr_io_saros->close((uv_handle_t *)plain->stream, on_closed);
}

static void on_impatient(uv_timer_t *timer) {
  finish((SrIoPlain *)timer->data);
}

/* What is pending leaves first, if that does not take for ever. False: there is no memory for a timer. */
static bool linger(SrIoPlain *plain) {
  uv_timer_t *timer = (uv_timer_t *)malloc(sizeof *timer);
  if (timer == NULL) return false;
  uv_timer_init(plain->stream->loop, timer);
  timer->data = plain;
  uv_timer_start(timer, on_impatient, LINGER_TIME, 0);
  uv_unref((uv_handle_t *)timer);
  uv_read_stop(plain->stream);
  plain->patience = timer;
  plain->resource.name = NULL;
  plain->is_lingering = true;
  return true;
}

/* The next close is a reset. Of what is no TCP connection there is none. */
static void prepare_reset(SrIoPlain *plain) {
  uv_os_fd_t fd;
  if (plain->stream->type == UV_TCP && uv_fileno((uv_handle_t *)plain->stream, &fd) == 0)
    sr_socket_set_reset((uv_os_sock_t)fd);
}

static void plain_close(saros_transport *transport, int at_once) {
  SrIoPlain *plain = plain_of(transport);
  plain->base.sink = NULL;
  if (at_once)
    prepare_reset(plain);
  else if (!plain->is_brief && uv_stream_get_write_queue_size(plain->stream) > 0 && linger(plain))
    return;
  finish(plain);
}

static void on_run_end(saros_resource *resource) {
  SrIoPlain *plain = SR_IO_CONTAINER(resource, SrIoPlain, resource);
  const saros_sink *sink = plain->base.sink;
  void *owner = plain->base.owner;
  finish(plain);
  if (sink != NULL) sink->on_closed(owner);
}

/* --- reading ---------------------------------------------------------------- */

static void find_room(SrIoPlain *plain, uv_buf_t *room) {
  const saros_sink *sink = plain->base.sink;
  room->len = 0;
  if (sink != NULL && sink->on_room != NULL) sink->on_room(plain->base.owner, room);
  if (room->len > 0) return;
  room->base = plain->context->room;
  room->len = sizeof plain->context->room;
}

/* Where there is no room libuv reads nothing, and tells so. */
static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
  (void)suggested;
  SrIoPlain *plain = (SrIoPlain *)handle->data;
  const saros_sink *sink = plain->base.sink;
  if (!plain->is_reading)
    *room = (uv_buf_t){0};
  else if (plain->can_pull && sink != NULL && sink->on_readable != NULL && sink->on_readable(plain->base.owner))
    *room = (uv_buf_t){0};
  else
    find_room(plain, room);
}

/* libuv takes a hang-up behind the last bytes for the end of the data, be it a reset or not. */
static int end_status(uv_stream_t *stream, int status) {
  uv_os_fd_t fd;
  if (status != UV_EOF || stream->type == UV_TTY || uv_fileno((uv_handle_t *)stream, &fd) != 0) return status;
  int error = sr_socket_error((uv_os_sock_t)fd);
  return error == 0 || error == UV_EPIPE ? UV_EOF : error;
}

static void stop_polling(SrIoPlain *plain) {
  plain->is_reading = plain->is_polled = false;
  uv_read_stop(plain->stream);
}

/*
** Stopping and starting libuv's polling costs two calls of the system, and most who stop start again before the loop has
** gone round. So where libuv waits for readiness it is stopped only when something comes that nobody wants. The first
** time that may be in the midst of libuv's reading, and is passed over. Behind an end libuv has stopped by itself, and
** has to be told again.
*/
static void on_unwanted(SrIoPlain *plain, bool is_end) {
  if (plain->is_to_stop || is_end) stop_polling(plain);
  plain->is_to_stop = true;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room) {
  SrIoPlain *plain = (SrIoPlain *)stream->data;
  const saros_sink *sink = plain->base.sink;
  bool is_left = count == UV_ENOBUFS && room->len == 0;
  if (!plain->is_reading) on_unwanted(plain, count < 0 && !is_left);
  if (!plain->is_reading || count == 0 || is_left || sink == NULL) return;
  if (count > 0) {
    sink->on_read(plain->base.owner, room->base, (size_t)count);
    return;
  }
  stop_polling(plain);
  sink->on_end(plain->base.owner, end_status(stream, (int)count));
}

static void plain_pull(saros_transport *transport) {
  SrIoPlain *plain = plain_of(transport);
  uv_os_fd_t fd;
  uv_buf_t room;
  if (!plain->is_reading || uv_fileno((uv_handle_t *)plain->stream, &fd) != 0) return;
  find_room(plain, &room);
  ptrdiff_t count = sr_read_ready(fd, plain->stream->type == UV_TCP, room.base, room.len);
  if (count != UV_EAGAIN) on_read(plain->stream, count == 0 ? UV_EOF : count, &room);
}

static int plain_start(saros_transport *transport) {
  SrIoPlain *plain = plain_of(transport);
  int status = plain->is_polled ? 0 : uv_read_start(plain->stream, on_room, on_read);
  plain->is_reading = plain->is_polled = status == 0;
  return status;
}

static void plain_stop(saros_transport *transport) {
  SrIoPlain *plain = plain_of(transport);
  plain->is_reading = plain->is_to_stop = false;
  if (!sr_has_readiness && plain->is_polled) stop_polling(plain);
}

/* --- writing ---------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  free(SR_IO_CONTAINER(request, Rest, request));
  if (plain->is_lingering) {
    if (status < 0 || uv_stream_get_write_queue_size(plain->stream) == 0) finish(plain);
    return;
  }
  if (plain->base.sink != NULL) plain->base.sink->on_drain(plain->base.owner, status);
}

static size_t total_of(const uv_buf_t *bufs, unsigned count) {
  size_t total = 0;
  for (unsigned i = 0; i < count; i++) total += bufs[i].len;
  return total;
}

/* Copies what is behind the first `sent` bytes. */
static Rest *copy_rest(const uv_buf_t *bufs, unsigned count, size_t sent, size_t total) {
  Rest *rest = (Rest *)malloc(sizeof *rest + total - sent);
  if (rest == NULL) return NULL;
  char *end = rest->bytes;
  for (unsigned i = 0; i < count; i++) {
    size_t skipped = sent < bufs[i].len ? sent : bufs[i].len;
    if (bufs[i].len > skipped) memcpy(end, bufs[i].base + skipped, bufs[i].len - skipped);
    end += bufs[i].len - skipped;
    sent -= skipped;
  }
  return rest;
}

/* libuv would do no more for a socket of which nothing is pending, in more steps. */
static int try_write(const SrIoPlain *plain, const uv_buf_t *bufs, unsigned count) {
  uv_os_fd_t fd;
  bool is_free = sr_has_readiness && plain->stream->type == UV_TCP && plain->stream->write_queue_size == 0;
  if (is_free && count == 1 && uv_fileno((const uv_handle_t *)plain->stream, &fd) == 0) return sr_socket_send(fd, bufs);
  return uv_try_write(plain->stream, bufs, count);
}

static ptrdiff_t plain_write(saros_transport *transport, const uv_buf_t *bufs, unsigned count) {
  SrIoPlain *plain = plain_of(transport);
  size_t total = total_of(bufs, count);
  if (total == 0) return 0;
  int sent = try_write(plain, bufs, count);
  if (sent == UV_EAGAIN || sent == UV_ENOSYS) sent = 0;
  if (sent < 0) return sent;
  if ((size_t)sent == total) return (ptrdiff_t)total;
  Rest *rest = copy_rest(bufs, count, (size_t)sent, total);
  if (rest == NULL) return UV_ENOMEM;
  uv_buf_t buf = uv_buf_init(rest->bytes, (unsigned)(total - (size_t)sent));
  buf.len = total - (size_t)sent; /* uv_buf_init knows 32 bits */
  int status = uv_write(&rest->request, plain->stream, &buf, 1, on_written);
  if (status == 0) return (ptrdiff_t)total;
  free(rest);
  return status;
}

static size_t plain_pending(const saros_transport *transport) {
  return SR_IO_CONTAINER(transport, SrIoPlain, base)->stream->write_queue_size;
}

/* libuv shuts sockets down; of a pipe that is written to alone the descriptor is let go of instead. */
static int end_pipe(uv_stream_t *stream) {
  uv_os_fd_t fd;
  bool has_one_way = stream->type == UV_NAMED_PIPE && !uv_is_readable(stream);
  return has_one_way && uv_fileno((uv_handle_t *)stream, &fd) == 0 ? sr_pipe_end(fd) : UV_ENOTSOCK;
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  if (status == UV_ENOTSOCK) status = end_pipe(plain->stream);
  if (plain->base.sink != NULL) plain->base.sink->on_shutdown(plain->base.owner, status);
}

static int plain_shutdown(saros_transport *transport) {
  SrIoPlain *plain = plain_of(transport);
  return uv_shutdown(&plain->request.shutdown, plain->stream, on_shutdown);
}

/* --- the rest --------------------------------------------------------------- */

static void plain_hold(saros_transport *transport, int is_awaited) {
  SrIoPlain *plain = plain_of(transport);
  uv_handle_t *handle = (uv_handle_t *)plain->stream;
  if (is_awaited && !plain->is_internal)
    uv_ref(handle);
  else
    uv_unref(handle);
}

static uv_handle_t *plain_handle(saros_transport *transport) {
  return (uv_handle_t *)plain_of(transport)->stream;
}

static saros_resource *plain_resource(saros_transport *transport) {
  return &plain_of(transport)->resource;
}

static const saros_transport_class plain_class = {
    .name = "plain",
    .start = plain_start,
    .stop = plain_stop,
    .write = plain_write,
    .pending = plain_pending,
    .shutdown = plain_shutdown,
    .close = plain_close,
    .hold = plain_hold,
    .handle = plain_handle,
    .resource = plain_resource,
    .pull = plain_pull,
};

/* --- new -------------------------------------------------------------------- */

static SrIoPlain *new_plain(SrIoContext *context) {
  SrIoPlain *plain = (SrIoPlain *)calloc(1, sizeof *plain);
  if (plain == NULL) return NULL;
  plain->base.cls = &plain_class;
  plain->context = context;
  plain->resource.on_run_end = on_run_end;
  return plain;
}

/* Terminals are left to libuv, and pipes through which descriptors come. */
static void take_handle(SrIoPlain *plain, uv_stream_t *stream) {
  bool is_pipe = stream->type == UV_NAMED_PIPE && ((const uv_pipe_t *)stream)->ipc == 0;
  plain->can_pull = sr_has_readiness && (stream->type == UV_TCP || is_pipe);
  plain->stream = stream;
  stream->data = plain;
}

SrIoPlain *sr_io_plain_new(SrIoContext *context, uv_handle_type type, int *status) {
  uv_loop_t *loop = sr_io_saros->loop(context->runtime);
  SrIoPlain *plain = new_plain(context);
  *status = plain == NULL           ? UV_ENOMEM
            : type == UV_NAMED_PIPE ? uv_pipe_init(loop, &plain->own.pipe, 0)
                                    : uv_tcp_init(loop, &plain->own.tcp);
  if (*status != 0) return free(plain), NULL;
  take_handle(plain, (uv_stream_t *)&plain->own);
  return plain;
}

SrIoPlain *sr_io_plain_adopt(SrIoContext *context, uv_stream_t *stream, void (*release)(uv_stream_t *stream)) {
  SrIoPlain *plain = new_plain(context);
  if (plain == NULL) return NULL;
  plain->release = release;
  take_handle(plain, stream);
  return plain;
}

void sr_io_plain_open(lua_State *L, SrIoPlain *plain) {
  plain->resource.name = "stream";
  sr_io_saros->resource_open(L, &plain->resource);
  uv_unref((uv_handle_t *)plain->stream);
}

void sr_io_plain_discard(SrIoPlain *plain) {
  finish(plain);
}

static int l_free_context(lua_State *L) {
  SrIoContext *context = (SrIoContext *)lua_touserdata(L, 1);
  free(context->spare);
  context->spare = NULL;
  return 0;
}

/* [-0, +1, m] */
static SrIoContext *push_new_context(lua_State *L) {
  SrIoContext *context = (SrIoContext *)lua_newuserdatauv(L, sizeof *context, 0);
  context->runtime = sr_io_saros->runtime(L);
  context->spare = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_free_context);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return context;
}

SrIoContext *sr_io_context(lua_State *L) {
  static const char key = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  SrIoContext *context = (SrIoContext *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (context != NULL) return context;
  context = push_new_context(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
  return context;
}
