/* SPDX-License-Identifier: MIT */
/*
** A signal that asks what a program is doing: the tree of tasks is written on standard error, be it that all tasks wait
** or that one of them never does.
**
** Invariant: the handler only does what a signal handler may: it sets a flag, wakes the loop and sets a hook on the
** coroutine that runs, which gets back the hook that it had.
*/
#ifndef SR_INQUIRY_H
#define SR_INQUIRY_H

#include "runtime/state.h"

/* Writes the tree, which was asked for. [-0, +0, -] */
void sr_inquiry_answer(lua_State *L, SrRuntime *rt);
/* The run ends: it does not answer any more. */
void sr_inquiry_end(SrRuntime *rt);

/*
** answer_signal(name): until its end this run answers that signal; a program that listens for it itself has it then.
** False: another run of the process does.
*/
int sr_l_answer_signal(lua_State *L);

#endif
