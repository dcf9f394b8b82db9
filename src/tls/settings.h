/* SPDX-License-Identifier: MIT */
/*
** Contexts as Lua holds them.
*/
#ifndef SR_TLS_SETTINGS_H
#define SR_TLS_SETTINGS_H

#include <lua.h>

#include "tls/context.h"

void sr_tls_settings_open(lua_State *L);

/* context(settings): a context for checked settings (lua/saros/tls/init.lua); raises TLSError or SystemError. [-0, +1, v] */
int sr_tls_settings_new(lua_State *L);

/* stamp(path): what tells one state of a file from the next; "" where there is none. [-0, +1, m] */
int sr_tls_settings_stamp(lua_State *L);

/* The context at an index. [-0, +0, v] */
SrTlsContext *sr_tls_settings_check(lua_State *L, int index);

#endif
