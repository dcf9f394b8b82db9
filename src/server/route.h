/* SPDX-License-Identifier: MIT */
/* Which of a router's handlers a path leads to. */
#ifndef SR_SERVER_ROUTE_H
#define SR_SERVER_ROUTE_H

#include <lua.h>

/*
** route(request, root) goes down the tree of nodes that lua/saros/http/server/router.lua makes. It gives the handler,
** and sets the request's `params`. Where the path is known and the method is not: nil and the leaf. Where it goes on
** behind a mount: nil, the entry of the mount, the position of the rest, and the params. Else nil. [-0, +(1-4), v]
*/
int sr_server_l_route(lua_State *L);

#endif
