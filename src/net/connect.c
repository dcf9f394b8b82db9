/* SPDX-License-Identifier: MIT */
/*
** Connecting: to one of several addresses (RFC 8305, "happy eyeballs"), and to a Unix socket.
**
** The operation is a userdata on the task's stack. It owns the transports of its attempts, and lets go of all but the
** one that was first; however it ends no other socket remains. An attempt that is discarded knows nobody any more.
*/
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "io/failure.h"
#include "net/net.h"

/* After so many seconds the next address is tried beside those that have not answered. */
static const double STAGGER = 0.25;

typedef struct Connecting {
  const SrIoClass *cls;
  saros_wait wait;
  saros_timer stagger;
  saros_resource resource; /* the run may end with it */
  SrIoContext *context;
  SrIoPlain *winner;
  SrIoAddress local; /* family 0: any */
  int port;
  int status;       /* why it failed: of all attempts the first that says more than that there is no way */
  unsigned count;   /* of addresses */
  unsigned started; /* so many of them have been tried, or are */
  unsigned open;    /* so many have not answered */
  struct Try {
    SrIoAddress address;
    SrIoPlain *plain; /* NULL: not begun, or over */
  } tries[];
} Connecting;

static const SrIoClass connecting_class = {"connecting"};

/* The frame of connect: (addresses, port, options, host as the user named it, the operation). */
enum { ADDRESSES = 1, PORT, OPTIONS, HOST, OPERATION };

/* --- attempts ------------------------------------------------------------------------ */

static void drop(struct Try *try) {
  if (try->plain != NULL) sr_io_plain_discard(try->plain);
  try->plain = NULL;
}

static void drop_all(Connecting *connecting) {
  sr_io_saros->timer_stop(connecting->context->runtime, &connecting->stagger);
  for (unsigned i = 0; i < connecting->count; i++) drop(&connecting->tries[i]);
}

/* Nothing remains of it. */
static void end(Connecting *connecting) {
  drop_all(connecting);
  if (connecting->winner != NULL) sr_io_plain_discard(connecting->winner);
  connecting->winner = NULL;
  sr_io_saros->resource_close(&connecting->resource);
}

static void on_run_end(saros_resource *resource) {
  end(SR_IO_CONTAINER(resource, Connecting, resource));
}

static struct Try *find_try(Connecting *connecting, const SrIoPlain *plain) {
  struct Try *try = connecting->tries;
  while (try->plain != plain) try++;
  return try;
}

/* Whether a status tells of this machine rather than of the peer: that it has no way to such an address. */
static bool says_little(int status) {
  return status == UV_ENETUNREACH || status == UV_EADDRNOTAVAIL || status == UV_EAFNOSUPPORT || status == UV_EINVAL;
}

static void note_failure(Connecting *connecting, struct Try *try, int status) {
  drop(try);
  bool is_first = connecting->status == 0 || (says_little(connecting->status) && !says_little(status));
  if (is_first || status == UV_ENOMEM) connecting->status = status;
}

static void on_connected(uv_connect_t *request, int status);

/* 0, or why it could not even begin. */
static int begin_try(Connecting *connecting, struct Try *try) {
  int status;
  SrIoPlain *plain = sr_io_plain_new(connecting->context, UV_TCP, &status);
  if (plain == NULL) return status;
  try->plain = plain;
  plain->base.owner = connecting;
  if (connecting->local.any.sa_family != 0) status = uv_tcp_bind(&plain->own.tcp, &connecting->local.any, 0);
  if (status != 0) return status;
  return uv_tcp_connect(&plain->request.connect, &plain->own.tcp, &try->address.any, on_connected);
}

/* Begins with the next address that can be tried. */
static void begin_next(Connecting *connecting) {
  while (connecting->started < connecting->count) {
    struct Try *try = &connecting->tries[connecting->started++];
    int status = begin_try(connecting, try);
    if (status == 0) {
      connecting->open++;
      break;
    }
    note_failure(connecting, try, status);
  }
  if (connecting->started < connecting->count)
    sr_io_saros->timer_start(connecting->context->runtime, &connecting->stagger, STAGGER);
  else
    sr_io_saros->timer_stop(connecting->context->runtime, &connecting->stagger);
}

static void on_stagger(saros_timer *timer) {
  begin_next(SR_IO_CONTAINER(timer, Connecting, stagger));
}

static void on_connected(uv_connect_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  Connecting *connecting = (Connecting *)plain->base.owner;
  if (connecting == NULL) return;
  struct Try *try = find_try(connecting, plain);
  connecting->open--;
  if (status != 0) {
    note_failure(connecting, try, status);
    begin_next(connecting);
    if (connecting->open == 0) sr_io_saros->wake(&connecting->wait);
    return;
  }
  try->plain = NULL;
  plain->base.owner = NULL;
  connecting->winner = plain;
  drop_all(connecting);
  sr_io_saros->wake(&connecting->wait);
}

/* --- the order of addresses ---------------------------------------------------------------- */

/* The next address of that family, from `from` on; `count` if there is none. */
static lua_Integer next_of(lua_State *L, int family, lua_Integer from, lua_Integer count, SrIoAddress *address) {
  for (; from <= count; from++) {
    lua_rawgeti(L, ADDRESSES, from);
    bool is_address = sr_net_parse(luaL_checkstring(L, -1), address);
    lua_pop(L, 1);
    if (is_address && address->any.sa_family == family) break;
  }
  return from;
}

/* Whether a connection to that address can come from the local one. */
static bool can_be_tried(const Connecting *connecting, int family) {
  return connecting->local.any.sa_family == 0 || connecting->local.any.sa_family == family;
}

/* Families take turns, beginning with that of the first address. */
static void fill_tries(lua_State *L, Connecting *connecting, lua_Integer count) {
  SrIoAddress address;
  next_of(L, AF_INET6, 1, 1, &address);
  int family = address.any.sa_family;
  lua_Integer next[2] = {1, 1};
  for (int empty = 0; empty < 2;) {
    lua_Integer *from = &next[family == AF_INET6];
    *from = next_of(L, family, *from, count, &address);
    empty = *from > count || !can_be_tried(connecting, family) ? empty + 1 : 0;
    if (empty == 0) {
      sr_net_set_port(&address, connecting->port);
      connecting->tries[connecting->count++].address = address;
      (*from)++;
    }
    family = family == AF_INET6 ? AF_INET : AF_INET6;
  }
  if (connecting->count == 0) connecting->status = UV_EAFNOSUPPORT;
}

/* --- connect ---------------------------------------------------------------------------------- */

static int abort_connect(saros_wait *wait) {
  end(SR_IO_CONTAINER(wait, Connecting, wait));
  return 1;
}

static const saros_kind connect_kind = {"connection", abort_connect};

static int push_result(lua_State *L, Connecting *connecting) {
  SrIoPlain *plain = connecting->winner;
  sr_io_saros->resource_close(&connecting->resource);
  if (plain == NULL) {
    sr_io_push_system_host(L, connecting->status, "connect", lua_tostring(L, HOST), connecting->port);
    return lua_error(L);
  }
  SrNetTuning tuning = sr_net_tuning(L, OPTIONS);
  connecting->winner = NULL;
  sr_net_push_stream(L, plain, tuning);
  lua_pushvalue(L, HOST);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static int k_connect(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  return push_result(L, (Connecting *)ctx);
}

static Connecting *new_connecting(lua_State *L, lua_Integer count) {
  size_t size = sizeof(Connecting) + (size_t)count * sizeof(struct Try);
  Connecting *connecting = (Connecting *)sr_io_new(L, &connecting_class, size, 0);
  connecting->context = sr_io_context(L);
  connecting->stagger.on_fire = on_stagger;
  connecting->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &connecting->resource);
  connecting->port = (int)lua_tointeger(L, PORT);
  if (!lua_istable(L, OPTIONS)) return connecting;
  if (lua_getfield(L, OPTIONS, "local_address") == LUA_TSTRING) sr_net_parse(lua_tostring(L, -1), &connecting->local);
  lua_pop(L, 1);
  return connecting;
}

/* connect(addresses, port, options, host) gives a stream. */
int sr_net_connect(lua_State *L) {
  lua_settop(L, HOST);
  sr_io_saros->check(L, "connect");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, ADDRESSES);
  Connecting *connecting = new_connecting(L, count);
  fill_tries(L, connecting, count);
  begin_next(connecting);
  if (connecting->open == 0) return push_result(L, connecting);
  return sr_io_saros->park(L, &connecting->wait, &connect_kind, k_connect, (lua_KContext)connecting);
}

static int l_gc(lua_State *L) {
  end((Connecting *)lua_touserdata(L, 1));
  return 0;
}

/* --- Unix sockets ------------------------------------------------------------------------------- */

static void on_unix_connected(uv_connect_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  Connecting *connecting = (Connecting *)plain->base.owner;
  if (connecting == NULL) return;
  connecting->status = status;
  sr_io_saros->wake(&connecting->wait);
}

static int raise_path(lua_State *L, int status) {
  sr_io_push_system_path(L, status, "connect", lua_tostring(L, 1));
  return lua_error(L);
}

static int k_connect_unix(lua_State *L, int status, lua_KContext ctx) {
  Connecting *connecting = (Connecting *)ctx;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  status = connecting->status;
  if (status != 0) {
    end(connecting);
    return raise_path(L, status);
  }
  SrIoPlain *plain = connecting->tries[0].plain;
  connecting->tries[0].plain = NULL;
  sr_io_saros->resource_close(&connecting->resource);
  saros_stream *stream = sr_net_push_stream(L, plain, (SrNetTuning){0});
  stream->path = strdup(lua_tostring(L, 1)); /* not before: what pushes the stream may raise */
  if (stream->path == NULL) {
    sr_io_stream_close(stream, 1);
    return luaL_error(L, "not enough memory");
  }
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

/* connect_unix(path) gives a stream. */
int sr_net_connect_unix(lua_State *L) {
  struct sockaddr_storage address;
  int status;
  lua_settop(L, HOST);
  const char *path = luaL_checkstring(L, 1);
  sr_io_saros->check(L, "connect_unix");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (sr_unix_address(&address, path) == 0) return raise_path(L, UV_ENAMETOOLONG);
  Connecting *connecting = new_connecting(L, 1);
  connecting->count = 1;
  SrIoPlain *plain = sr_io_plain_new(connecting->context, UV_NAMED_PIPE, &status);
  if (plain == NULL) return raise_path(L, status);
  connecting->tries[0].plain = plain;
  plain->base.owner = connecting;
  uv_pipe_connect(&plain->request.connect, &plain->own.pipe, path, on_unix_connected);
  return sr_io_saros->park(L, &connecting->wait, &connect_kind, k_connect_unix, (lua_KContext)connecting);
}

void sr_net_open_connect(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &connecting_class, methods, meta);
}
