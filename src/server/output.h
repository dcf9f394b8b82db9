/* SPDX-License-Identifier: MIT */
/* The body of a response, as far as it does not go with its head. */
#ifndef SR_SERVER_OUTPUT_H
#define SR_SERVER_OUTPUT_H

#include "server/state.h"

/*
** Sends the string at index 2 from `request->at` on, waiting where the client is slow, and goes on with k. The request
** is at index 1. [-0, +0, v]
*/
int sr_server_output_send(lua_State *L, SrServerRequest *request, lua_KFunction k);
/* The body is complete. Raises if less was sent than its head has promised. [-0, +0, v] */
void sr_server_output_end(lua_State *L, SrServerRequest *request);
/* Raises what has become of a client that is gone. [-0, +0, v] */
int sr_server_output_lost(lua_State *L, const SrServerRequest *request);
/* request:_write(bytes) */
int sr_server_l_write(lua_State *L);
/* request:_end() */
int sr_server_l_end(lua_State *L);

#endif
