/* SPDX-License-Identifier: MIT */
/*
** Connections: made, kept while no request uses them, and closed.
*/
#ifndef SR_HTTP_KEEPING_H
#define SR_HTTP_KEEPING_H

#include "http/conn.h"

/* A connection that may carry the request. NULL: no memory. */
SrHttpConn *sr_http_conn_new(SrHttpPool *pool, const SrHttpRequest *request);

/* Closes it, in whatever stage, and frees it. */
void sr_http_conn_close(SrHttpConn *conn);

/* Around each callback of its transport, so that it is not freed meanwhile. */
void sr_http_conn_enter(SrHttpConn *conn);
void sr_http_conn_leave(SrHttpConn *conn);

/* It has no transfer any more: it waits for the next one, if it can and may. */
void sr_http_conn_retire(SrHttpConn *conn);

/* Closes all that idle, and nothing is left: the run ends, or the pool. */
void sr_http_conn_close_idle(SrHttpPool *pool);

/* How many idle and may still be used. */
long sr_http_conn_idle(const SrHttpPool *pool);

/* A connection that idles and may carry the request, which is taken out of the list; NULL: there is none. */
SrHttpConn *sr_http_conn_take(SrHttpPool *pool, const SrHttpRequest *request, double now);

#endif
