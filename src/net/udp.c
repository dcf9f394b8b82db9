/* SPDX-License-Identifier: MIT */
/*
** UDP. What arrives is taken from the first receive on, and waits in order until it is received, up to a bound; beyond
** it the system drops what it likes. A cancelled receive loses nothing.
*/
#include <stdlib.h>
#include <string.h>

#include "io/failure.h"
#include "net/net.h"

/* So many datagrams wait at most, and so many bytes in them. */
enum { MOST_QUEUED = 256, MOST_BYTES = 1048576 };

typedef struct Datagram {
  struct Datagram *next;
  SrIoAddress address;
  size_t size;
  char bytes[];
} Datagram;

typedef struct Udp Udp;

/* Its memory goes with its handle. */
typedef struct Handle {
  uv_udp_t udp;
  Udp *owner; /* NULL: closed */
} Handle;

struct Udp {
  const SrIoClass *cls;
  SrIoContext *context;
  saros_resource resource;
  saros_wait wait; /* of the task that receives */
  Handle *handle;  /* NULL: closed */
  Datagram *first, *last;
  size_t count, bytes; /* of those */
  int failure;         /* to be told to the next who receives */
  bool is_started;
  bool is_connected;
};

const SrIoClass sr_net_udp_class = {"udp"};

/* A datagram that the system did not take at once; libuv's until it has left. */
typedef struct Sending {
  uv_udp_send_t request;
  struct Sender *sender; /* NULL: nobody waits for it */
  char bytes[];
} Sending;

/* The task's share of it, a userdata on its stack. */
typedef struct Sender {
  const SrIoClass *cls;
  saros_wait wait;
  Sending *sending; /* NULL: it has left */
  int status;
} Sender;

static const SrIoClass sender_class = {"sender"};

static Udp *check_udp(lua_State *L, const char *function) {
  return (Udp *)sr_io_self(L, &sr_net_udp_class, function);
}

/* The same, open. [-0, +0, v] */
static Udp *check_open(lua_State *L, const char *function) {
  Udp *udp = check_udp(L, function);
  if (udp->handle == NULL) sr_io_raise_closed(L, "the socket is closed");
  return udp;
}

/* --- the end ------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

static Datagram *take_datagram(Udp *udp) {
  Datagram *datagram = udp->first;
  if (datagram == NULL) return NULL;
  udp->first = datagram->next;
  if (udp->first == NULL) udp->last = NULL;
  udp->count--;
  udp->bytes -= datagram->size;
  return datagram;
}

static void close_udp(Udp *udp) {
  if (udp->handle == NULL) return;
  udp->handle->owner = NULL;
  sr_io_saros->close((uv_handle_t *)&udp->handle->udp, on_closed);
  udp->handle = NULL;
  Datagram *datagram;
  while ((datagram = take_datagram(udp)) != NULL) free(datagram);
  sr_io_saros->resource_close(&udp->resource);
  sr_io_saros->wake(&udp->wait);
}

static void on_run_end(saros_resource *resource) {
  close_udp(SR_IO_CONTAINER(resource, Udp, resource));
}

/* --- receiving ------------------------------------------------------------------------ */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
  (void)suggested;
  const Udp *udp = ((Handle *)handle->data)->owner;
  *room = uv_buf_init(udp->context->room, sizeof udp->context->room);
}

static void stop(Udp *udp) {
  uv_udp_recv_stop(&udp->handle->udp);
  udp->is_started = false;
}

static void queue(Udp *udp, const char *bytes, size_t size, const struct sockaddr *from) {
  Datagram *datagram = (Datagram *)malloc(sizeof *datagram + size);
  if (datagram == NULL) { /* datagrams get lost, but not without a word */
    udp->failure = UV_ENOMEM;
    return;
  }
  memset(datagram, 0, sizeof *datagram);
  memcpy(&datagram->address, from,
         from->sa_family == AF_INET6 ? sizeof datagram->address.v6 : sizeof datagram->address.v4);
  datagram->size = size;
  memcpy(datagram->bytes, bytes, size);
  if (udp->last != NULL)
    udp->last->next = datagram;
  else
    udp->first = datagram;
  udp->last = datagram;
  udp->count++;
  udp->bytes += size;
}

static void on_receive(uv_udp_t *handle, ssize_t size, const uv_buf_t *room, const struct sockaddr *from,
                       unsigned flags) {
  Udp *udp = ((Handle *)handle->data)->owner;
  (void)flags;
  if (udp == NULL || (size == 0 && from == NULL)) return;
  if (size < 0)
    udp->failure = (int)size;
  else
    queue(udp, room->base, (size_t)size, from);
  if (udp->count >= MOST_QUEUED || udp->bytes >= MOST_BYTES) stop(udp);
  uv_unref((uv_handle_t *)handle);
  sr_io_saros->wake(&udp->wait);
}

static int abort_receive(saros_wait *wait) {
  Udp *udp = SR_IO_CONTAINER(wait, Udp, wait);
  uv_unref((uv_handle_t *)&udp->handle->udp);
  return 1;
}

static const saros_kind receive_kind = {"a datagram", abort_receive};

static int raise_failure(lua_State *L, int status, const char *syscall) {
  sr_io_push_system(L, status, syscall);
  return lua_error(L);
}

/* data, host, port; or an error; 0 if there is none yet. [-0, +0|3, v] */
static int push_datagram(lua_State *L, Udp *udp) {
  int failure = udp->failure;
  if (udp->handle == NULL) return sr_io_raise_closed(L, "the socket is closed");
  const Datagram *next = udp->first;
  if (next == NULL) {
    udp->failure = 0;
    return failure != 0 ? raise_failure(L, failure, "receive") : 0;
  }
  SrIoAddress from = next->address;
  lua_pushlstring(L, next->bytes, next->size);
  if (udp->first != next) return lua_pop(L, 1), push_datagram(L, udp); /* a finalizer took it or closed the socket */
  free(take_datagram(udp));
  sr_io_push_sockaddr(L, &from.any);
  return 3;
}

static int k_receive(lua_State *L, int status, lua_KContext ctx);

static int await_datagram(lua_State *L, Udp *udp) {
  if (!udp->is_started) {
    int status = uv_udp_recv_start(&udp->handle->udp, on_room, on_receive);
    if (status != 0) return raise_failure(L, status, "receive");
    udp->is_started = true;
  }
  uv_ref((uv_handle_t *)&udp->handle->udp);
  return sr_io_saros->park(L, &udp->wait, &receive_kind, k_receive, (lua_KContext)udp);
}

static int check_receiver(lua_State *L, const Udp *udp) {
  return udp->wait.task != NULL ? sr_io_raise_busy(L, "another task receives from this socket") : 0;
}

static int k_receive(lua_State *L, int status, lua_KContext ctx) {
  Udp *udp = (Udp *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  int count = push_datagram(L, udp);
  if (count > 0) return count;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  check_receiver(L, udp);
  return await_datagram(L, udp);
}

static int l_receive(lua_State *L) {
  Udp *udp = check_udp(L, "udp:receive");
  sr_io_saros->check(L, "udp:receive");
  check_receiver(L, udp);
  if (udp->handle != NULL && sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  int count = push_datagram(L, udp);
  return count > 0 ? sr_io_saros->ready(L, count) : await_datagram(L, udp);
}

/* --- sending ---------------------------------------------------------------------------- */

static void on_sent(uv_udp_send_t *request, int status) {
  Sending *sending = SR_IO_CONTAINER(request, Sending, request);
  Sender *sender = sending->sender;
  if (sender != NULL) {
    sender->sending = NULL;
    sender->status = status;
    sr_io_saros->wake(&sender->wait);
  }
  free(sending);
}

static void leave_behind(Sender *sender) {
  if (sender->sending != NULL) sender->sending->sender = NULL;
  sender->sending = NULL;
}

static int abort_send(saros_wait *wait) {
  leave_behind(SR_IO_CONTAINER(wait, Sender, wait));
  return 1;
}

static const saros_kind send_kind = {"room to send", abort_send};

static int raise_send(lua_State *L, int status, const SrIoAddress *to) {
  if (status == UV_ECANCELED) return sr_io_raise_closed(L, "the socket is closed");
  if (to == NULL) return raise_failure(L, status, "send");
  sr_io_push_sockaddr(L, &to->any);
  sr_io_push_system_host(L, status, "send", lua_tostring(L, -2), (int)lua_tointeger(L, -1));
  return lua_error(L);
}

static int k_send(lua_State *L, int status, lua_KContext ctx) {
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  status = ((Sender *)ctx)->status;
  if (status != 0) return raise_send(L, status, NULL);
  lua_settop(L, 1);
  return 1;
}

/* The system has no room. */
static int send_later(lua_State *L, Udp *udp, const char *bytes, size_t size, const SrIoAddress *to) {
  Sender *sender = (Sender *)sr_io_new(L, &sender_class, sizeof *sender, 0);
  if (udp->handle == NULL) return sr_io_raise_closed(L, "the socket is closed"); /* by a finalizer */
  Sending *sending = (Sending *)malloc(sizeof *sending + size);
  if (sending == NULL) return luaL_error(L, "udp:send: not enough memory");
  memcpy(sending->bytes, bytes, size);
  uv_buf_t buf = uv_buf_init(sending->bytes, (unsigned)size);
  int status = uv_udp_send(&sending->request, &udp->handle->udp, &buf, 1, to != NULL ? &to->any : NULL, on_sent);
  if (status != 0) {
    free(sending);
    return raise_send(L, status, to);
  }
  sending->sender = sender;
  sender->sending = sending;
  return sr_io_saros->park(L, &sender->wait, &send_kind, k_send, (lua_KContext)sender);
}

/* udp:send(data [, address, port]) returns the socket. */
static int l_send(lua_State *L) {
  size_t size;
  SrIoAddress address;
  const SrIoAddress *to = NULL;
  Udp *udp = check_udp(L, "udp:send");
  const char *bytes = sr_io_string(L, "udp:send", 2, 1, &size);
  if (!lua_isnoneornil(L, 3)) {
    address = sr_net_check_address(L, "udp:send", 3, 2);
    to = &address;
  }
  sr_io_saros->check(L, "udp:send");
  check_open(L, "udp:send");
  if (to == NULL && !udp->is_connected)
    return luaL_error(L, "udp:send: no destination (give host and port, or connect the socket)");
  if (to != NULL && udp->is_connected) return luaL_error(L, "udp:send: the socket is connected to another destination");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
  int status = uv_udp_try_send(&udp->handle->udp, &buf, 1, to != NULL ? &to->any : NULL);
  if (status == UV_EAGAIN || status == UV_ENOSYS) return send_later(L, udp, bytes, size, to);
  if (status < 0) return raise_send(L, status, to);
  lua_settop(L, 1);
  return sr_io_saros->ready(L, 1);
}

/* --- the rest ------------------------------------------------------------------------------ */

/* udp:connect(address, port) returns the socket. */
static int l_connect(lua_State *L) {
  Udp *udp = check_udp(L, "udp:connect");
  SrIoAddress address = sr_net_check_address(L, "udp:connect", 2, 1);
  check_open(L, "udp:connect");
  if (udp->is_connected) uv_udp_connect(&udp->handle->udp, NULL);
  int status = uv_udp_connect(&udp->handle->udp, &address.any);
  udp->is_connected = status == 0;
  if (status != 0) {
    sr_io_push_system_host(L, status, "connect", lua_tostring(L, 2), (int)lua_tointeger(L, 3));
    return lua_error(L);
  }
  lua_settop(L, 1);
  return 1;
}

static int l_address(lua_State *L) {
  const Udp *udp = check_open(L, "udp:address");
  SrIoAddress address;
  int size = sizeof address;
  if (uv_udp_getsockname(&udp->handle->udp, &address.any, &size) != 0) return 0; /* it has none before its first use */
  sr_io_push_sockaddr(L, &address.any);
  return 2;
}

static int l_close(lua_State *L) {
  close_udp(check_udp(L, "udp:close"));
  return 0;
}

static int l_closed(lua_State *L) {
  lua_pushboolean(L, check_udp(L, "udp:closed")->handle == NULL);
  return 1;
}

static int l_gc(lua_State *L) {
  Udp *udp = check_udp(L, "udp:__gc");
  if (udp->handle != NULL) sr_io_saros->collected(L, &udp->resource, "udp socket");
  close_udp(udp);
  return 0;
}

static int l_sender_gc(lua_State *L) {
  Sender *sender = (Sender *)sr_io_test(L, 1, &sender_class);
  if (sender != NULL) leave_behind(sender);
  return 0;
}

/* 0 or a status. */
static int open_handle(Udp *udp, uv_loop_t *loop, const SrIoAddress *local) {
  Handle *handle = (Handle *)calloc(1, sizeof *handle);
  if (handle == NULL) return UV_ENOMEM;
  int status = uv_udp_init(loop, &handle->udp);
  if (status != 0) return free(handle), status;
  handle->udp.data = handle;
  if (local != NULL) status = uv_udp_bind(&handle->udp, &local->any, 0);
  if (status != 0) {
    sr_io_saros->close((uv_handle_t *)&handle->udp, on_closed);
    return status;
  }
  uv_unref((uv_handle_t *)&handle->udp);
  handle->owner = udp;
  udp->handle = handle;
  return 0;
}

/* udp([address, port]) gives a socket. */
int sr_net_udp(lua_State *L) {
  SrIoAddress local;
  uv_loop_t *loop = sr_net_check_loop(L, "udp");
  bool is_bound = !lua_isnoneornil(L, 1);
  if (is_bound) local = sr_net_check_address(L, "udp", 1, 1);
  Udp *udp = (Udp *)sr_io_new(L, &sr_net_udp_class, sizeof *udp, 0);
  udp->context = sr_io_context(L);
  udp->resource.name = "udp socket";
  udp->resource.on_run_end = on_run_end;
  int status = open_handle(udp, loop, is_bound ? &local : NULL);
  if (status != 0) {
    sr_io_push_system_host(L, status, "bind", is_bound ? lua_tostring(L, 1) : "*", (int)lua_tointeger(L, 2));
    return lua_error(L);
  }
  sr_io_saros->resource_open(L, &udp->resource);
  return 1;
}

void sr_net_open_udp(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", l_send},
                                     {"receive", l_receive},
                                     {"connect", l_connect},
                                     {"address", l_address},
                                     {"close", l_close},
                                     {"closed", l_closed},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__close", l_close}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg sender_meta[] = {{"__gc", l_sender_gc}, {NULL, NULL}};
  sr_io_class(L, &sr_net_udp_class, methods, meta);
  sr_io_class(L, &sender_class, none, sender_meta);
}
