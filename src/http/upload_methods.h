/* SPDX-License-Identifier: MIT */
/*
** Uploads as Lua sees them.
*/
#ifndef SR_HTTP_UPLOAD_METHODS_H
#define SR_HTTP_UPLOAD_METHODS_H

#include <lua.h>

/* Registers the metatable and adds upload() to the table on top. [-0, +0, m] */
void sr_http_open_upload(lua_State *L);

#endif
