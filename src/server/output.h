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
/* Goes on with k when nothing waits to be sent any more, or the client is gone. [-0, +0, v] */
int sr_server_output_flush(lua_State *L, SrServerRequest *request, lua_KFunction k);
/* So many bytes of the body are on their way. */
void sr_server_output_count(SrServerRequest *request, int64_t count);
/* Raises that the response has ended, or that another task writes it. [-0, +0, v] */
void sr_server_output_check(lua_State *L, const SrServerRequest *request);
/* The body is complete. Raises if less was sent than its head has promised. [-0, +0, v] */
void sr_server_output_end(lua_State *L, SrServerRequest *request);
/* Raises what has become of a client that is gone. [-0, +0, v] */
int sr_server_output_lost(lua_State *L, const SrServerRequest *request);
/* request:_write(bytes) */
int sr_server_l_write(lua_State *L);
/* request:_end() */
int sr_server_l_end(lua_State *L);

#endif
