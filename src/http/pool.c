/* SPDX-License-Identifier: MIT */
/* A pool as part of a run, see pool.h. */
#include "http/pool.h"

const SrHttpType sr_http_pool_type = {"saros.http.pool"};

void sr_http_pool_attach(lua_State *L, SrHttpPool *pool) {
  if (pool->attached) return;
  pool->resource.name = pool->named ? "http session" : NULL;
  sr_http_saros->resource_open(L, &pool->resource);
  pool->attached = true;
}

void sr_http_pool_detach(SrHttpPool *pool) {
  for (int i = 0; i < SR_HTTP_BACKENDS; i++)
    if (pool->backends[i] != NULL) pool->backends[i]->detach(pool);
  sr_http_spares_free(&pool->spares);
  pool->attached = false;
  sr_http_saros->resource_close(&pool->resource);
}
