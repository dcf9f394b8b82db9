/* SPDX-License-Identifier: MIT */
/* The metatable of Error objects. */
#ifndef SR_THREAD_ERROR_META_H
#define SR_THREAD_ERROR_META_H

#include <lua.h>

/* Pushes it; loads saros if that has not been. [-0, +1, v] */
void sr_thread_push_error_meta(lua_State *L);

#endif
