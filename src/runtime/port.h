/* SPDX-License-Identifier: MIT */
/*
** Calls from other threads to that of a run.
**
** Invariant: each call that post took is made on the run's thread, at the latest when the run ends; none is made after
** that, so a thread that outlives its run, or its Lua state, touches nothing of it.
*/
#ifndef SR_PORT_H
#define SR_PORT_H

#include "runtime/state.h"

/* Announces a call, which counts as something that can wake a task. NULL: no memory. [-0, +0, -] */
saros_port *sr_port_expect(SrRuntime *rt);
/* From any thread, once for each port: has post->on_loop called. 0: the run has ended, it will not be. */
int sr_port_post(saros_port *port, saros_post *post);
/* On the run's thread: the call may still come, but nobody waits for it. */
void sr_port_forget(saros_port *port);
/* On the run's thread, instead of post: the call will not come. */
void sr_port_unexpect(saros_port *port);
/* The run ends. */
void sr_port_shut(SrRuntime *rt);

#endif
