/* SPDX-License-Identifier: MIT */
/*
** Connecting, see race.h, and to a Unix socket.
**
** The operation is a userdata on the task's stack, with the race in it; its end is the end of that.
*/
#include <string.h>

#include "base/platform.h"
#include "io/failure.h"
#include "net/net.h"
#include "net/race.h"

typedef struct Connecting {
  const SrIoClass *cls;
  saros_wait wait;
  SrNetRace race;          /* of a Unix socket it has one try, which is our affair */
  saros_resource resource; /* the run may end with it */
  int port;
  SrNetTry tries[];
} Connecting;

static const SrIoClass connecting_class = {"connecting"};

/* The frame of connect: (addresses, port, options, host as the user named it, the operation). */
enum { ADDRESSES = 1, PORT, OPTIONS, HOST, OPERATION };

/* Nothing remains of it. */
static void end(Connecting *connecting) {
  sr_net_race_end(&connecting->race);
  sr_io_saros->resource_close(&connecting->resource);
}

static void on_run_end(saros_resource *resource) {
  end(SR_IO_CONTAINER(resource, Connecting, resource));
}

static void on_done(SrNetRace *race) {
  sr_io_saros->wake(&SR_IO_CONTAINER(race, Connecting, race)->wait);
}

/* --- connect ---------------------------------------------------------------------------------- */

static int abort_connect(saros_wait *wait) {
  end(SR_IO_CONTAINER(wait, Connecting, wait));
  return 1;
}

static const saros_kind connect_kind = {"connection", abort_connect};

static int push_result(lua_State *L, Connecting *connecting) {
  SrIoPlain *plain = connecting->race.winner;
  sr_io_saros->resource_close(&connecting->resource);
  if (plain == NULL) {
    sr_io_push_system_host(L, connecting->race.status, "connect", lua_tostring(L, HOST), connecting->port);
    return lua_error(L);
  }
  SrNetTuning tuning = sr_net_tuning(L, OPTIONS);
  connecting->race.winner = NULL;
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
  size_t size = sizeof(Connecting) + (size_t)count * (sizeof(SrNetTry) + sizeof(SrIoAddress));
  Connecting *connecting = (Connecting *)sr_io_new(L, &connecting_class, size, 0);
  connecting->race.context = sr_io_context(L);
  connecting->race.on_done = on_done;
  connecting->race.tries = connecting->tries;
  connecting->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &connecting->resource);
  connecting->port = (int)lua_tointeger(L, PORT);
  if (!lua_istable(L, OPTIONS)) return connecting;
  if (lua_getfield(L, OPTIONS, "local_address") == LUA_TSTRING)
    sr_net_parse(lua_tostring(L, -1), &connecting->race.local);
  lua_pop(L, 1);
  return connecting;
}

/* Behind the tries there is room for the addresses as they came. */
static void fill(lua_State *L, Connecting *connecting, lua_Integer count) {
  SrIoAddress *addresses = (SrIoAddress *)(void *)(connecting->tries + count);
  size_t found = 0;
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, ADDRESSES, i);
    if (sr_net_parse(luaL_checkstring(L, -1), &addresses[found])) found++;
    lua_pop(L, 1);
  }
  sr_net_race_fill(&connecting->race, addresses, found, connecting->port);
}

/* connect(addresses, port, options, host) gives a stream. */
int sr_net_connect(lua_State *L) {
  lua_settop(L, HOST);
  sr_io_saros->check(L, "connect");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, ADDRESSES);
  Connecting *connecting = new_connecting(L, count);
  fill(L, connecting, count);
  sr_net_race_begin(&connecting->race);
  if (connecting->race.open == 0) return push_result(L, connecting);
  return sr_io_saros->park(L, &connecting->wait, &connect_kind, k_connect, (lua_KContext)connecting);
}

static int l_gc(lua_State *L) {
  Connecting *connecting = (Connecting *)sr_io_test(L, 1, &connecting_class);
  if (connecting != NULL) end(connecting);
  return 0;
}

/* --- Unix sockets ------------------------------------------------------------------------------- */

static void on_unix_connected(uv_connect_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  Connecting *connecting = (Connecting *)plain->base.owner;
  if (connecting == NULL) return;
  connecting->race.status = status;
  sr_io_saros->wake(&connecting->wait);
}

static int raise_path(lua_State *L, int status) {
  sr_io_push_system_path(L, status, "connect", lua_tostring(L, 1));
  return lua_error(L);
}

static int k_connect_unix(lua_State *L, int status, lua_KContext ctx) {
  Connecting *connecting = (Connecting *)ctx;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  status = connecting->race.status;
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
  connecting->race.count = 1;
  SrIoPlain *plain = sr_io_plain_new(connecting->race.context, UV_NAMED_PIPE, &status);
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
