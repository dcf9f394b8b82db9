/* SPDX-License-Identifier: MIT */
/*
** Ctrl-C. During a run on a loop of its own the first SIGINT becomes an InterruptError in
** main, the second ends the process. The first of such runs in the process takes SIGINT, the last one
** gives it back. If there are several, in several threads, Ctrl-C is for all of them.
**
** Invariant: the handler only does what a signal handler may: it sets a flag, wakes the loop
** and, as the standalone lua does, sets a hook on the coroutine that runs, all in the thread of the run:
** to other threads it sends the signal on. A step that begins while the flag is set gets that hook, too.
** No hook outlives the step.
*/
#ifndef SR_INTERRUPT_H
#define SR_INTERRUPT_H

#include "runtime/state.h"

/* Takes SIGINT for a run that begins, beside others that have it, unless its state leaves it alone. */
void sr_interrupt_take(SrRuntime *rt);
/* Gives the former handler back; harmless if it was not taken. */
void sr_interrupt_give_back(SrRuntime *rt);
/* interrupt_again(): the first Ctrl-C has been dealt with: the next one is a first one, too. */
int sr_l_interrupt_again(lua_State *L);
/* What Ctrl-C does, for this run alone, or the next one; in its thread, be it in a signal handler. */
void sr_interrupt_run(SrRuntime *rt);
/* Ctrl-C came and has not been raised yet, and a step begins: it must not go on without end. */
void sr_interrupt_hook(lua_State *co);
/* The step is over, or the InterruptError is on its way: the coroutine gets the hook of `base` back. */
void sr_interrupt_unhook(lua_State *co, lua_State *base);

/* Raises it in main, if main waits and no shield holds it back. */
void sr_interrupt_main(SrRuntime *rt);

#endif
