/* SPDX-License-Identifier: MIT */
/* async.coroutine: Lua's coroutine library, name for name, for coroutines that may wait. See coroutine.h. */
#ifndef SR_COROUTINE_LIBRARY_H
#define SR_COROUTINE_LIBRARY_H

#include "runtime/state.h"

/* Adds the table `coroutine` to the one on top. [-0, +0, m] */
void sr_open_coroutine(lua_State *L);

#endif
