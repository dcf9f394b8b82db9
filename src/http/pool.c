/* SPDX-License-Identifier: MIT */
/*
** Multi and easy handles of a pool, see pool.h.
*/
#include "http/pool.h"

#include <lauxlib.h>
#include <limits.h>

/* Idle easy handles kept for reuse; each costs some KiB. */
enum { IDLE_EASIES = 128 };

void sr_http_pool_attach(lua_State *L, SrHttpPool *pool) {
  uv_loop_t *loop = sr_http_saros->loop(pool->runtime);
  if (!pool->attached) {
    pool->resource.name = pool->named ? "http session" : NULL;
    sr_http_saros->resource_open(L, &pool->resource);
    pool->attached = true;
  }
  if (loop != NULL && sr_http_pool_multi(pool, false) == NULL) luaL_error(L, "not enough memory");
}

void sr_http_pool_detach(SrHttpPool *pool) {
  if (pool->multi != NULL) sr_http_multi_close(pool->multi);
  if (pool->unshared != NULL) sr_http_multi_close(pool->unshared);
  pool->multi = pool->unshared = NULL;
  pool->attached = false;
  sr_http_saros->resource_close(&pool->resource);
}

SrHttpMulti *sr_http_pool_multi(SrHttpPool *pool, bool unshared) {
  SrHttpMulti **multi = unshared ? &pool->unshared : &pool->multi;
  if (*multi != NULL) return *multi;
  long idle_limit = pool->slots.limit < INT_MAX ? (long)pool->slots.limit : 1000L;
  uv_loop_t *loop = sr_http_saros->loop(pool->runtime);
  *multi = sr_http_multi_new(loop, idle_limit, !unshared, pool->reports, pool);
  return *multi;
}

SrHttpEasy *sr_http_pool_take_easy(SrHttpPool *pool) {
  SrHttpEasy *easy = pool->idle_easies;
  if (easy == NULL) return sr_http_easy_new(pool->hooks, pool->max_idle);
  pool->idle_easies = easy->next;
  pool->idle_count--;
  return easy;
}

void sr_http_pool_give_easy(SrHttpPool *pool, SrHttpEasy *easy) {
  sr_http_easy_unload(easy);
  if (pool->idle_count >= IDLE_EASIES) {
    sr_http_easy_free(easy);
    return;
  }
  easy->next = pool->idle_easies;
  pool->idle_easies = easy;
  pool->idle_count++;
}

void sr_http_pool_free_easies(SrHttpPool *pool) {
  while (pool->idle_easies != NULL) {
    SrHttpEasy *easy = pool->idle_easies;
    pool->idle_easies = easy->next;
    sr_http_easy_free(easy);
  }
  pool->idle_count = 0;
}
