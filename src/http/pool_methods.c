/* SPDX-License-Identifier: MIT */
/*
** Pools as Lua sees them.
**
** A pool is taken apart in one order, at the end of a run, on close and by the collector: first the transfers, which
** hold easy handles and slots, then the multi handles with their sockets, then the idle easy handles. None of that
** touches Lua, so the runtime may do it at any moment.
*/
#include "http/pool_methods.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>

#include "http/exchange.h"
#include "http/pool.h"
#include "http/transfer.h"

/* The longest idle time of a connection, in seconds: a day. */
enum { MAX_IDLE = 86400 };

static void drop_transfers(SrHttpPool *pool, const char *message) {
  while (pool->transfers != NULL) sr_http_transfer_fail(pool->transfers, "ClosedError", "ECLOSED", message);
}

static void on_run_end(saros_resource *resource) {
  SrHttpPool *pool = (SrHttpPool *)((char *)resource - offsetof(SrHttpPool, resource));
  drop_transfers(pool, "the run has ended");
  sr_http_pool_detach(pool);
  pool->named = false;
}

static void close_pool(SrHttpPool *pool) {
  pool->closed = true;
  drop_transfers(pool, "the session is closed");
  sr_http_pool_detach(pool);
  for (int i = 0; i < SR_HTTP_BACKENDS; i++) {
    if (pool->backends[i] != NULL) pool->backends[i]->close(pool);
    pool->backends[i] = NULL;
  }
}

static SrHttpPool *check_pool(lua_State *L) {
  return sr_http_check(L, 1, &sr_http_pool_type);
}

/* What is no integer (nil, math.huge) stands for no limit. */
static unsigned field_limit(lua_State *L, const char *name) {
  int is_integer;
  lua_getfield(L, 1, name);
  lua_Integer limit = lua_tointegerx(L, -1, &is_integer);
  lua_pop(L, 1);
  return is_integer && limit > 0 && limit < UINT_MAX ? (unsigned)limit : SR_HTTP_UNLIMITED;
}

/* -1 where nothing was said. */
static double field_seconds(lua_State *L, const char *name) {
  int is_number;
  lua_getfield(L, 1, name);
  lua_Number seconds = lua_tonumberx(L, -1, &is_number);
  lua_pop(L, 1);
  if (!is_number) return -1;
  return fmin(fmax(seconds, 0), MAX_IDLE);
}

/* pool(options): limit, limit_per_host, keepalive, session [-1, +1, v] */
static int l_pool(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  SrHttpPool *pool = lua_newuserdatauv(L, sizeof *pool, 0);
  *pool = (SrHttpPool){.type = &sr_http_pool_type};
  pool->resource.on_run_end = on_run_end;
  pool->runtime = sr_http_saros->runtime(L);
  pool->slots.limit = field_limit(L, "limit");
  pool->slots.host_limit = field_limit(L, "limit_per_host");
  pool->slots.on_grant = sr_http_transfer_granted;
  pool->max_idle = field_seconds(L, "keepalive");
  sr_http_set_type(L, &sr_http_pool_type);
  sr_http_own_open(L, pool);
  lua_getfield(L, 1, "session");
  if (lua_toboolean(L, -1) && sr_http_saros->loop(pool->runtime) != NULL) {
    pool->named = true;
    sr_http_pool_attach(L, pool);
  }
  lua_pop(L, 1);
  return 1;
}

/* pool:close() [-1, +0, -] */
static int l_close(lua_State *L) {
  close_pool(check_pool(L));
  return 0;
}

static int l_gc(lua_State *L) {
  SrHttpPool *pool = check_pool(L);
  if (pool->named && pool->attached) sr_http_saros->collected(L, &pool->resource, "http session");
  close_pool(pool);
  return 0;
}

static unsigned long long idle_connections(const SrHttpPool *pool) {
  long count = 0;
  for (int i = 0; i < SR_HTTP_BACKENDS; i++)
    if (pool->backends[i] != NULL) count += pool->backends[i]->idle(pool);
  return (unsigned long long)count;
}

static void set_count(lua_State *L, const char *name, unsigned long long count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, name);
}

/* pool:stats() [-1, +1, m] */
static int l_stats(lua_State *L) {
  const SrHttpPool *pool = check_pool(L);
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

/* pool:spare(): connections that a backend has to spare which one may do without [-1, +1, -] */
static int l_spare(lua_State *L) {
  const SrHttpPool *pool = check_pool(L);
  long count = 0;
  for (int i = 0; i < SR_HTTP_BACKENDS; i++)
    if (pool->backends[i] != NULL && pool->backends[i]->spare != NULL) count += pool->backends[i]->spare(pool);
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}

/* pool:leave(): such a backend need not keep any [-1, +0, -] */
static int l_leave(lua_State *L) {
  SrHttpPool *pool = check_pool(L);
  for (int i = 0; i < SR_HTTP_BACKENDS; i++)
    if (pool->backends[i] != NULL && pool->backends[i]->leave != NULL) pool->backends[i]->leave(pool);
  return 0;
}

void sr_http_open_pool(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool", l_pool}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"close", l_close}, {"leave", l_leave}, {"spare", l_spare}, {"stats", l_stats}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {"__close", l_close}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  sr_http_class(L, &sr_http_pool_type, methods, meta);
}
