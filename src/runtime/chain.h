/* SPDX-License-Identifier: MIT */
/*
** Traces across tasks, as values. A trace is the stack of a task as text, or, if that was awaited, a link: the stack of
** who awaited it, and its trace. So each task of a chain keeps its own part only. Where more stacks are inside than are
** shown of that end, the link has them as one text, which all links further outside share: so writing a trace takes no
** longer than it shows.
*/
#ifndef SR_CHAIN_H
#define SR_CHAIN_H

#include "runtime/state.h"

/* What stands between the stack of a task and that of who awaited it. */
extern const char sr_awaited_by[];

/* Puts a link in the place of the trace at `index`; the stack of who awaited is on top. [-1, +0, m] */
void sr_add_link(lua_State *L, int index);
/* Pushes the text of the trace at `index`; what is no trace is pushed as it is. [-0, +1, m] */
void sr_push_trace_text(lua_State *L, int index);

#endif
