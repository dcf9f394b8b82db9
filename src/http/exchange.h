/* SPDX-License-Identifier: MIT */
/*
** Exchanges over saros' own connections of HTTP/1.1: the backend, see backend.h.
*/
#ifndef SR_HTTP_EXCHANGE_H
#define SR_HTTP_EXCHANGE_H

#include "http/backend.h"

extern const SrHttpBackend sr_http_own;

/* Makes what a pool has for it. Raises without memory. [-0, +0, m] */
struct SrHttpPool;
void sr_http_own_open(lua_State *L, struct SrHttpPool *pool);

#endif
