/* SPDX-License-Identifier: MIT */
/*
** The pool userdata, see pool.h.
**
** Order of taking apart, at the end of a run, on close and by the collector alike:
** transfers (they hold channels and slots), then the multi handles with their sockets,
** then idle channels. None of it touches Lua, so the runtime may do it at any moment.
*/
#include "http/pool.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>

#include "http/transfer.h"

#define POOL_TYPE "saros.http.pool"

/* Idle easy handles kept for reuse; each costs some KiB. */
#define IDLE_CHANNELS 128

/* The longest idle time of a connection, in seconds: a day. */
#define MAX_IDLE 86400

const saros_api *sr_saros;

static void drop_transfers(SrPool *pool, const char *message) {
  while (pool->transfers != NULL) sr_transfer_fail(pool->transfers, "ClosedError", "ECLOSED", message);
}

static void detach(SrPool *pool) {
  if (pool->multi != NULL) sr_multi_close(pool->multi);
  if (pool->lone != NULL) sr_multi_close(pool->lone);
  pool->multi = pool->lone = NULL;
  pool->attached = 0;
  sr_saros->resource_close(&pool->resource);
}

static void free_channels(SrPool *pool) {
  while (pool->idle_channels != NULL) {
    SrChannel *channel = pool->idle_channels;
    pool->idle_channels = channel->next;
    sr_channel_free(channel);
  }
  pool->idle_count = 0;
}

static void on_run_end(saros_resource *resource) {
  SrPool *pool = (SrPool *)resource; /* its first member */
  drop_transfers(pool, "the run has ended");
  detach(pool);
  pool->named = 0;
}

static void close_pool(SrPool *pool) {
  pool->closed = 1;
  drop_transfers(pool, "the session is closed");
  detach(pool);
  free_channels(pool);
}

void sr_pool_attach(lua_State *L, SrPool *pool) {
  uv_loop_t *loop = sr_saros->loop(pool->runtime);
  if (!pool->attached) {
    pool->resource.name = pool->named ? "http session" : NULL;
    sr_saros->resource_open(L, &pool->resource);
    pool->attached = 1;
  }
  if (loop != NULL && sr_pool_multi(pool, 0) == NULL) luaL_error(L, "not enough memory");
}

SrMulti *sr_pool_multi(SrPool *pool, int alone) {
  SrMulti **multi = alone ? &pool->lone : &pool->multi;
  if (*multi != NULL) return *multi;
  long idle_limit = pool->slots.limit < INT_MAX ? (long)pool->slots.limit : 1000L;
  uv_loop_t *loop = sr_saros->loop(pool->runtime);
  *multi = sr_multi_new(sr_saros, loop, idle_limit, !alone, &sr_transfer_reports, pool);
  return *multi;
}

SrChannel *sr_pool_take_channel(SrPool *pool) {
  SrChannel *channel = pool->idle_channels;
  if (channel == NULL) return sr_channel_new(&sr_transfer_hooks, pool->max_idle);
  pool->idle_channels = channel->next;
  pool->idle_count--;
  return channel;
}

void sr_pool_give_channel(SrPool *pool, SrChannel *channel) {
  sr_channel_unload(channel);
  if (pool->idle_count >= IDLE_CHANNELS) {
    sr_channel_free(channel);
    return;
  }
  channel->next = pool->idle_channels;
  pool->idle_channels = channel;
  pool->idle_count++;
}

SrPool *sr_pool_check(lua_State *L, int index) {
  return luaL_checkudata(L, index, POOL_TYPE);
}

/* --- what Lua calls -------------------------------------------------------- */

/* No integer (nil, math.huge) is no limit. */
static unsigned field_limit(lua_State *L, const char *name) {
  int is_integer;
  lua_getfield(L, 1, name);
  lua_Integer limit = lua_tointegerx(L, -1, &is_integer);
  lua_pop(L, 1);
  return is_integer && limit > 0 && limit < UINT_MAX ? (unsigned)limit : SR_UNLIMITED;
}

/* Whole seconds, as libcurl counts them; -1 where nothing was said. */
static long field_seconds(lua_State *L, const char *name) {
  int is_number;
  lua_getfield(L, 1, name);
  lua_Number seconds = lua_tonumberx(L, -1, &is_number);
  lua_pop(L, 1);
  if (!is_number) return -1;
  return seconds <= 0 ? 0 : seconds < MAX_IDLE ? (long)ceil(seconds) : (long)MAX_IDLE;
}

int sr_pool_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  SrPool *pool = lua_newuserdatauv(L, sizeof *pool, 0);
  *pool = (SrPool){0};
  pool->resource.on_run_end = on_run_end;
  pool->runtime = sr_saros->runtime(L);
  pool->slots.limit = field_limit(L, "limit");
  pool->slots.host_limit = field_limit(L, "limit_per_host");
  pool->slots.on_grant = sr_transfer_granted;
  pool->max_idle = field_seconds(L, "keepalive");
  luaL_setmetatable(L, POOL_TYPE);
  lua_getfield(L, 1, "session");
  if (lua_toboolean(L, -1) && sr_saros->loop(pool->runtime) != NULL) {
    pool->named = 1;
    sr_pool_attach(L, pool);
  }
  lua_pop(L, 1);
  return 1;
}

/* pool:close() [-1, +0, -] */
static int l_close(lua_State *L) {
  close_pool(sr_pool_check(L, 1));
  return 0;
}

static int l_gc(lua_State *L) {
  SrPool *pool = sr_pool_check(L, 1);
  if (pool->named && pool->attached) sr_saros->collected(L, &pool->resource, "http session");
  close_pool(pool);
  return 0;
}

static unsigned long long idle_connections(const SrPool *pool) {
  long count = pool->multi != NULL ? sr_multi_idle(pool->multi) : 0;
  if (pool->lone != NULL) count += sr_multi_idle(pool->lone);
  return (unsigned long long)count;
}

static void set_count(lua_State *L, const char *name, unsigned long long count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, name);
}

/* pool:stats() [-1, +1, m] */
static int l_stats(lua_State *L) {
  const SrPool *pool = sr_pool_check(L, 1);
  lua_createtable(L, 0, 8);
  set_count(L, "active", pool->slots.held);
  set_count(L, "waiting", pool->slots.waiting);
  set_count(L, "idle", idle_connections(pool));
  set_count(L, "requests", pool->requests);
  set_count(L, "connections", pool->connections);
  set_count(L, "reused", pool->reused);
  set_count(L, "failed", pool->failed);
  return 1;
}

void sr_pool_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", l_close}, {"stats", l_stats}, {NULL, NULL}};
  luaL_newmetatable(L, POOL_TYPE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}
