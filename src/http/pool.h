/* SPDX-License-Identifier: MIT */
/*
** A pool as part of a run.
*/
#ifndef SR_HTTP_POOL_H
#define SR_HTTP_POOL_H

#include "http/state.h"

extern const SrHttpType sr_http_pool_type;

/* Makes the pool part of the present run. [-0, +0, -] */
void sr_http_pool_attach(lua_State *L, SrHttpPool *pool);

/* Closes what belongs to the run. No transfer may be under way any more. */
void sr_http_pool_detach(SrHttpPool *pool);

#endif
