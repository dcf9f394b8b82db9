/* SPDX-License-Identifier: MIT */
/* Requests as handlers see them. */
#ifndef SR_SERVER_REQUEST_H
#define SR_SERVER_REQUEST_H

#include "server/state.h"

extern const SrIoClass sr_server_request_class;

/* Pushes the request whose head stands at the front of the stream, and takes that off. [-0, +1, m] */
SrServerRequest *sr_server_request_push(lua_State *L, SrServerConn *conn);
/* The request a method was called on. [-0, +0, v] */
SrServerRequest *sr_server_request_self(lua_State *L, const char *function);
/* Raises a ClosedError if it was answered. [-0, +0, v] */
void sr_server_request_check_open(lua_State *L, const SrServerRequest *request);
SrWireText sr_server_request_method(const SrServerRequest *request);
/*
** The path as it was sent but for its dots, or what the mounts on the way have left of it: what holds it, or nil, is
** pushed. The request is at index 1. [-0, +1, m]
*/
SrWireText sr_server_request_push_rest(lua_State *L, const SrServerRequest *request);
/* Whether the handler is to be cancelled now that the client is gone. */
bool sr_server_request_is_forsaken(const SrServerRequest *request);

/*
** Registers the class. Adds to the table on top: request_methods, to be filled further, and request_lazy, by name the
** functions that make a field at its first use. [-0, +0, m]
*/
void sr_server_open_request(lua_State *L, const luaL_Reg *methods, const luaL_Reg *meta);

#endif
