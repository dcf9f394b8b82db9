/* SPDX-License-Identifier: MIT */
/* What is open on the loop: resources, which are closed at the end of a run, and handles. The only uv_close. */
#ifndef SR_RESOURCE_H
#define SR_RESOURCE_H

#include "runtime/state.h"

/* Registers an open resource, with the place of the caller's Lua code. [-0, +0, -] */
void sr_resource_open(lua_State *L, saros_resource *resource);
/* Takes it off the list; harmless when not open. */
void sr_resource_close(saros_resource *resource);
/* Tells all of them that the run ends. */
void sr_resource_end_run(SrRuntime *rt);
/* Closes a handle unless it is closing already; on_closed (may be NULL) runs later. */
void sr_close_handle(uv_handle_t *handle, uv_close_cb on_closed);

#endif
