/* SPDX-License-Identifier: MIT */
/* What stands behind saros.h: the table of functions that other C modules call. */
#ifndef SR_API_H
#define SR_API_H

#include "runtime/state.h"

/* Puts the table where saros_open finds it. [-0, +0, m] */
void sr_open_api(lua_State *L);

#endif
