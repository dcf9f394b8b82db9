/* SPDX-License-Identifier: MIT */
/* The task of a request: calls the handler, and makes a response of what that returns. */
#ifndef SR_SERVER_HANDLE_H
#define SR_SERVER_HANDLE_H

#include "server/state.h"

/*
** Where the registry has functions of the Lua half: `respond(request, response)`, for all that is not plain,
** `failed(request, error)`, and `log(request)`.
*/
extern const char sr_server_half_key;

/* handle(request, handler), the body of the task. [-0, +0, v] */
int sr_server_l_handle(lua_State *L);
/* Methods for the Lua half: a whole response, the head of one that is written piece by piece, and so on. */
int sr_server_l_send(lua_State *L);
int sr_server_l_check(lua_State *L);
int sr_server_l_begin(lua_State *L);
int sr_server_l_inform(lua_State *L);
int sr_server_l_switch(lua_State *L);
int sr_server_l_stage(lua_State *L);
int sr_server_l_state(lua_State *L);
int sr_server_l_fail(lua_State *L);
int sr_server_l_compresses(lua_State *L);
/* The request is answered as well as it could be: its connection goes on, or ends. */
void sr_server_conclude(SrServerRequest *request);
/* What happens when the handler is left, __close of a request. */
int sr_server_l_leave(lua_State *L);

#endif
