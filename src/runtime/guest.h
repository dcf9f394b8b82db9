/* SPDX-License-Identifier: MIT */
/*
** Runs that a host works: saros is a guest on a loop whose turns are the host's.
**
** Invariant: here alone Lua runs inside a call of uv_run, always in protected mode; while a task is ready, or a deadline
** passes, the loop does not wait.
*/
#ifndef SR_GUEST_H
#define SR_GUEST_H

#include "runtime/state.h"

/* Puts the table of struct saros_host_api where saros_open_host finds it. [-0, +0, m] */
void sr_open_guest(lua_State *L);

#endif
