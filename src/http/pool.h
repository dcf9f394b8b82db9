/* SPDX-License-Identifier: MIT */
/*
** What a pool has for its transfers: the multi handles of the present run, and easy handles that are used again.
*/
#ifndef SR_HTTP_POOL_H
#define SR_HTTP_POOL_H

#include "http/state.h"

#define SR_HTTP_POOL_TYPE "saros.http.pool"

/* Makes the pool part of the present run. Raises without memory. [-0, +0, m] */
void sr_http_pool_attach(lua_State *L, SrHttpPool *pool);

/* Closes what belongs to the run. No transfer may be under way any more. */
void sr_http_pool_detach(SrHttpPool *pool);

/* The multi handle that a request goes to, of an attached pool. NULL: no memory. */
SrHttpMulti *sr_http_pool_multi(SrHttpPool *pool, bool unshared);

/* An easy handle, one that is idle if there is one. NULL: no memory. */
SrHttpEasy *sr_http_pool_take_easy(SrHttpPool *pool);
void sr_http_pool_give_easy(SrHttpPool *pool, SrHttpEasy *easy);

/* Frees the idle ones. */
void sr_http_pool_free_easies(SrHttpPool *pool);

#endif
