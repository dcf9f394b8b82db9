/* SPDX-License-Identifier: MIT */
/*
** The names of the chunks in which tasks and blocks are made, each with a number: a place takes eight bytes.
**
** Invariant: a number that a scope in the tree or an open resource has means the name that it was given for. When
** names get many, those that nobody has any more are forgotten and their numbers given again; not the first ones,
** up to SR_LASTING_SOURCES, which mean the same as long as the runtime lives. Whatever else keeps a number longer than
** its scope is in the tree has to keep the text.
*/
#ifndef SR_SOURCE_H
#define SR_SOURCE_H

#include "runtime/state.h"

/* The number of a name, which is copied; 0 if there is no memory. */
unsigned sr_source_number(SrRuntime *rt, const char *name);
/* The name of a number, or NULL. */
const char *sr_source_name(const SrRuntime *rt, unsigned number);
/* Forgets all names. */
void sr_source_free_all(SrRuntime *rt);

#endif
