/* SPDX-License-Identifier: MIT */
/*
** Connections: heads are read as they come, what is left of bodies is drained, and the end is made so that the last
** response arrives.
*/
#ifndef SR_SERVER_CONN_H
#define SR_SERVER_CONN_H

#include "server/state.h"

extern const SrIoClass sr_server_conn_class;

/* Takes the stream at `index` in. The core, which keeps the connection, is at index 1. [-0, +0, m] */
void sr_server_conn_attach(lua_State *L, SrServerCore *core, int index);
/* The response is out, and its handler has ended: goes on with the next request, or to the end. */
void sr_server_conn_finish(SrServerConn *conn);
/* The stream is the handler's from now on. */
void sr_server_conn_release(SrServerConn *conn);
/* Closes it if no request is under way. */
void sr_server_conn_retire(SrServerConn *conn);
/* More of the body is wanted: the stream goes on reading. */
void sr_server_conn_want(SrServerConn *conn);
/* Bytes wait to be sent: watches that it goes on. */
void sr_server_conn_watch_writing(SrServerConn *conn);
/* Finds the next data of the body, without taking it off the stream. */
SrWirePart sr_server_conn_peek(SrServerConn *conn, SrWireBody *body, const char **bytes, size_t most);

/* Registers the class. [-0, +0, m] */
void sr_server_open_conn(lua_State *L);

#endif
