/* SPDX-License-Identifier: MIT */
/*
** Sockets that listen.
**
** A connection is accepted when a task asks for one, never before: what nobody asks for waits in the system's queue.
** libuv's own way of accepting throws connections away at the limit of descriptors; so the sockets are polled, and at
** that limit accepting rests for a moment, and so it does when the network is out of order.
*/
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "io/failure.h"
#include "net/net.h"

/* After so many seconds at the limit of descriptors it is tried again. */
static const double REST = 0.05;

enum { MOST_PORTS = 8 };

typedef struct Listener Listener;

/* One socket. Its memory goes with its handle. */
typedef struct Port {
  uv_poll_t poll;
  uv_os_sock_t socket;
  Listener *listener;
} Port;

struct Listener {
  const SrIoClass *cls;
  SrIoContext *context;
  saros_resource resource;
  saros_wait wait;  /* of the task that accepts */
  saros_timer rest; /* set while accepting rests */
  Port *ports[MOST_PORTS];
  unsigned count;       /* of ports; 0: closed */
  unsigned next;        /* which of them is asked first */
  uv_os_sock_t pending; /* accepted, but there was no memory for more; if has_pending */
  bool has_pending;
  bool is_full;     /* who accepts waits for a nudge alone */
  bool is_nudged;   /* and goes on without a connection */
  bool is_internal; /* those who connect are in this run */
  SrNetTuning tuning;
  char *path;       /* of a Unix socket, its file to be removed; or NULL */
  uint64_t file[2]; /* device and number of that file */
};

static const SrIoClass listener_class = {"listener"};

/* --- the end -------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

/* From now on nobody can connect. */
static void close_port(Port *port) {
  sr_io_saros->close((uv_handle_t *)&port->poll, on_closed);
  sr_socket_close(port->socket);
}

/* Somebody else may have put a socket of his own there. */
static void remove_file(Listener *listener) {
  uv_fs_t request;
  if (uv_fs_lstat(NULL, &request, listener->path, NULL) == 0 && request.statbuf.st_dev == listener->file[0] &&
      request.statbuf.st_ino == listener->file[1]) {
    uv_fs_t removal;
    uv_fs_unlink(NULL, &removal, listener->path, NULL);
    uv_fs_req_cleanup(&removal);
  }
  uv_fs_req_cleanup(&request);
}

static void close_listener(Listener *listener) {
  if (listener->path != NULL) remove_file(listener);
  free(listener->path);
  listener->path = NULL;
  for (unsigned i = 0; i < listener->count; i++) close_port(listener->ports[i]);
  listener->count = 0;
  if (listener->has_pending) sr_socket_close(listener->pending);
  listener->has_pending = false;
  sr_io_saros->timer_stop(listener->context->runtime, &listener->rest);
  sr_io_saros->resource_close(&listener->resource);
  sr_io_saros->wake(&listener->wait);
}

static void on_run_end(saros_resource *resource) {
  close_listener(SR_IO_CONTAINER(resource, Listener, resource));
}

/* --- waiting --------------------------------------------------------------------------- */

static void stop_polling(Listener *listener) {
  for (unsigned i = 0; i < listener->count; i++) uv_poll_stop(&listener->ports[i]->poll);
}

static void wake(Listener *listener) {
  stop_polling(listener);
  sr_io_saros->timer_stop(listener->context->runtime, &listener->rest);
  sr_io_saros->wake(&listener->wait);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events; /* accepting tells */
  wake(((Port *)poll->data)->listener);
}

static void on_rested(saros_timer *timer) {
  wake(SR_IO_CONTAINER(timer, Listener, rest));
}

static int abort_accept(saros_wait *wait) {
  Listener *listener = SR_IO_CONTAINER(wait, Listener, wait);
  stop_polling(listener);
  sr_io_saros->timer_stop(listener->context->runtime, &listener->rest);
  return 1;
}

static const saros_kind accept_kind = {"a connection to accept", abort_accept};

/* --- accept ------------------------------------------------------------------------------- */

/* Finds the next connection of any port, or why there is none: UV_EAGAIN if there is nothing to say. */
static int accept_next(Listener *listener) {
  int status = UV_EAGAIN;
  if (listener->has_pending) return 0;
  for (unsigned i = 0; i < listener->count && status == UV_EAGAIN; i++) {
    Port *port = listener->ports[(listener->next + i) % listener->count];
    listener->pending = sr_socket_accept(port->socket, &status);
  }
  listener->next++;
  listener->has_pending = status == 0;
  return status;
}

/* Makes a transport of it. NULL: see status; what there is no memory for stays pending. */
static SrIoPlain *adopt(Listener *listener, int *status) {
  uv_os_sock_t socket = listener->pending;
  uv_handle_type type = listener->path != NULL ? UV_NAMED_PIPE : UV_TCP;
  SrIoPlain *plain = sr_io_plain_new(listener->context, type, status);
  if (plain == NULL) return NULL;
  listener->has_pending = false;
  plain->is_internal = listener->is_internal;
  *status = type == UV_TCP ? uv_tcp_open(&plain->own.tcp, socket) : uv_pipe_open(&plain->own.pipe, (uv_file)socket);
  if (*status == 0) return plain;
  sr_socket_close(socket);
  sr_io_plain_discard(plain);
  *status = UV_EAGAIN; /* that connection is lost; others come */
  return NULL;
}

static bool is_at_limit(int status) {
  return status == UV_EMFILE || status == UV_ENFILE || status == UV_ENOBUFS || status == UV_ENOMEM;
}

/* Linux tells here what the network did to a connection that nobody has taken yet. */
static bool is_of_network(int status) {
  switch (status) {
  case UV_EPROTO:
  case UV_EPERM: /* a firewall's word */
  case UV_ENETDOWN:
  case UV_ENETUNREACH:
  case UV_EHOSTDOWN:
  case UV_EHOSTUNREACH:
  case UV_ENOPROTOOPT:
  case UV_ENONET:
  case UV_ETIMEDOUT: return true;
  default: return false;
  }
}

/* What cannot be waited for: a connection is on the stack (1), or a failure in `*status`; 0: wait. */
static int try_accept(lua_State *L, Listener *listener, int *status) {
  *status = listener->is_full ? UV_EAGAIN : accept_next(listener);
  if (*status != 0) return 0;
  SrIoPlain *plain = adopt(listener, status);
  if (plain == NULL) return 0;
  sr_net_push_stream(L, plain, listener->tuning);
  lua_pushboolean(L, 1);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static int k_accept(lua_State *L, int status, lua_KContext ctx);

static int wait(lua_State *L, Listener *listener, int status) {
  if (is_at_limit(status) || is_of_network(status)) {
    if (!sr_io_saros->timer_start(listener->context->runtime, &listener->rest, REST))
      return luaL_error(L, "server:accept: not enough memory");
  } else if (status != UV_EAGAIN) {
    sr_io_push_system(L, status, "accept");
    return lua_error(L);
  } else if (!listener->is_full) {
    for (unsigned i = 0; i < listener->count; i++) uv_poll_start(&listener->ports[i]->poll, UV_READABLE, on_connection);
  }
  return sr_io_saros->park(L, &listener->wait, &accept_kind, k_accept, (lua_KContext)listener);
}

static int raise_closed(lua_State *L) {
  return sr_io_raise_closed(L, "the server is closed");
}

static int k_accept(lua_State *L, int status, lua_KContext ctx) {
  Listener *listener = (Listener *)ctx;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (listener->count == 0) return raise_closed(L);
  if (listener->wait.task != NULL) return sr_io_raise_busy(L, "another task accepts");
  if (listener->is_nudged) return 0;
  if (try_accept(L, listener, &status)) return 1;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return wait(L, listener, status);
}

/*
** listener:accept(room) gives a stream, or nothing after a nudge; where there is no room, 0 or less, it waits for that
** alone. nil: there is.
*/
static int l_accept(lua_State *L) {
  int status;
  Listener *listener = (Listener *)sr_io_self(L, &listener_class, "server:accept");
  sr_io_saros->check(L, "server:accept");
  if (listener->count == 0) return raise_closed(L);
  if (listener->wait.task != NULL) return sr_io_raise_busy(L, "another task accepts");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  listener->is_full = lua_type(L, 2) == LUA_TNUMBER && lua_tointeger(L, 2) <= 0;
  listener->is_nudged = false;
  if (try_accept(L, listener, &status)) return sr_io_saros->ready(L, 1);
  return wait(L, listener, status);
}

/* listener:nudge(): who accepts goes on. */
static int l_nudge(lua_State *L) {
  Listener *listener = (Listener *)sr_io_self(L, &listener_class, "server:nudge");
  if (listener->wait.task == NULL) return 0;
  listener->is_nudged = true;
  wake(listener);
  return 0;
}

/* --- listen ----------------------------------------------------------------------------------- */

static Listener *new_listener(lua_State *L) {
  Listener *listener = (Listener *)sr_io_new(L, &listener_class, sizeof *listener, 0);
  listener->context = sr_io_context(L);
  listener->rest.on_fire = on_rested;
  listener->resource.on_run_end = on_run_end;
  listener->resource.name = "server";
  return listener;
}

/* Adds a socket; 0 or a status. */
static int add_port(Listener *listener, const SrListening *listening) {
  int status;
  if (listener->count == MOST_PORTS) return 0;
  Port *port = (Port *)calloc(1, sizeof *port);
  if (port == NULL) return UV_ENOMEM;
  port->socket = sr_socket_listen(listening, &status);
  if (status == 0) {
    status = uv_poll_init_socket(sr_io_saros->loop(listener->context->runtime), &port->poll, port->socket);
    if (status != 0) sr_socket_close(port->socket);
  }
  if (status != 0) return free(port), status;
  port->poll.data = port;
  port->listener = listener;
  listener->ports[listener->count++] = port;
  return 0;
}

/* The number that the system has chosen for the first socket. */
static int chosen_port(const Listener *listener) {
  SrIoAddress address;
  int size = sizeof address;
  if (sr_socket_name(listener->ports[0]->socket, &address.any, &size) != 0) return 0;
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* Binds all addresses of the list; without a port given they get one that is free in all of them. */
static int bind_all(lua_State *L, Listener *listener, int port, SrListening listening) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
  int status = 0;
  for (lua_Integer i = 1; i <= count && status == 0; i++) {
    SrIoAddress address;
    lua_rawgeti(L, 1, i);
    sr_net_parse(luaL_checkstring(L, -1), &address);
    lua_pop(L, 1);
    if (port == 0 && listener->count > 0) port = chosen_port(listener);
    sr_net_set_port(&address, port);
    listening.address = &address.any;
    listening.length = address.any.sa_family == AF_INET6 ? sizeof address.v6 : sizeof address.v4;
    status = add_port(listener, &listening);
    if (status == UV_EAFNOSUPPORT || (status == UV_EADDRNOTAVAIL && count > 1)) status = 0; /* one family is off */
  }
  return status == 0 && listener->count == 0 ? UV_EADDRNOTAVAIL : status;
}

static int int_option(lua_State *L, int index, const char *name, int otherwise) {
  int value = lua_getfield(L, index, name) == LUA_TNUMBER ? (int)lua_tonumber(L, -1) : otherwise;
  lua_pop(L, 1);
  return value;
}

static bool flag_option(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static int finish(lua_State *L, Listener *listener) {
  listener->tuning = sr_net_tuning(L, 3);
  sr_io_saros->resource_open(L, &listener->resource);
  lua_pushvalue(L, 5);
  return 1;
}

/* listen(addresses, port, options, host) gives a listener. */
int sr_net_listen(lua_State *L) {
  lua_settop(L, 4);
  sr_net_check_loop(L, "listen");
  int port = (int)lua_tointeger(L, 2), status = 0;
  SrListening listening = {.backlog = int_option(L, 3, "backlog", 511),
                           .is_v6_only = lua_rawlen(L, 1) > 1 || flag_option(L, 3, "ipv6_only"),
                           .is_shared = flag_option(L, 3, "reuse_port")};
  Listener *listener = new_listener(L);
  for (int attempt = 0; attempt < 16; attempt++) {
    status = bind_all(L, listener, port, listening);
    if (status == 0) return finish(L, listener);
    close_listener(listener);
    if (port != 0 || status != UV_EADDRINUSE) break; /* free in one family, taken in the other: another one */
  }
  sr_io_push_system_host(L, status, "listen", lua_tostring(L, 4), port);
  return lua_error(L);
}

static void note_file(Listener *listener) {
  uv_fs_t request;
  if (uv_fs_lstat(NULL, &request, listener->path, NULL) == 0) {
    listener->file[0] = request.statbuf.st_dev;
    listener->file[1] = request.statbuf.st_ino;
  }
  uv_fs_req_cleanup(&request);
}

/* listen_unix(path, nil, options) gives a listener. */
int sr_net_listen_unix(lua_State *L) {
  struct sockaddr_storage address;
  lua_settop(L, 4);
  sr_net_check_loop(L, "listen_unix");
  const char *path = luaL_checkstring(L, 1);
  SrListening listening = {.backlog = int_option(L, 3, "backlog", 511)};
  listening.address = (const struct sockaddr *)&address;
  listening.length = sr_unix_address(&address, path);
  Listener *listener = new_listener(L);
  char *copy = strdup(path);
  if (copy == NULL) return luaL_error(L, "listen_unix: not enough memory");
  int status = listening.length == 0 ? UV_ENAMETOOLONG : add_port(listener, &listening);
  if (status != 0) {
    free(copy);
    sr_io_push_system_path(L, status, "listen", path);
    return lua_error(L);
  }
  listener->path = copy;
  note_file(listener);
  return finish(L, listener);
}

/* --- methods --------------------------------------------------------------------------------------- */

static int l_address(lua_State *L) {
  Listener *listener = (Listener *)sr_io_self(L, &listener_class, "server:address");
  SrIoAddress address;
  int size = sizeof address;
  if (listener->count == 0) return raise_closed(L);
  if (listener->path != NULL) return lua_pushstring(L, listener->path), 1;
  int status = sr_socket_name(listener->ports[0]->socket, &address.any, &size);
  if (status != 0) return sr_io_push_system(L, status, "getsockname"), lua_error(L);
  sr_io_push_sockaddr(L, &address.any);
  return 2;
}

static int l_close(lua_State *L) {
  close_listener((Listener *)sr_io_self(L, &listener_class, "server:close"));
  return 0;
}

/* listener:make_internal(): only tasks of this run will connect. */
static int l_make_internal(lua_State *L) {
  Listener *listener = (Listener *)sr_io_self(L, &listener_class, "server:make_internal");
  listener->is_internal = true;
  for (unsigned i = 0; i < listener->count; i++) uv_unref((uv_handle_t *)&listener->ports[i]->poll);
  return 0;
}

static int l_is_closed(lua_State *L) {
  lua_pushboolean(L, ((Listener *)sr_io_self(L, &listener_class, "server:closed"))->count == 0);
  return 1;
}

static int l_gc(lua_State *L) {
  Listener *listener = (Listener *)sr_io_self(L, &listener_class, "server:__gc");
  if (listener->count > 0) sr_io_saros->collected(L, &listener->resource, "server");
  close_listener(listener);
  return 0;
}

void sr_net_open_listen(lua_State *L) {
  static const luaL_Reg methods[] = {{"accept", l_accept}, {"nudge", l_nudge},      {"address", l_address},
                                     {"close", l_close},   {"closed", l_is_closed}, {"make_internal", l_make_internal},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__close", l_close}, {NULL, NULL}};
  sr_io_class(L, &listener_class, methods, meta);
}
