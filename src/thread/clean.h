/* SPDX-License-Identifier: MIT */
/* The globals and the standard library as a job is to find them. */
#ifndef SR_THREAD_CLEAN_H
#define SR_THREAD_CLEAN_H

#include <lua.h>
#include <stdbool.h>

/* Remembers what they are now. [-0, +0, m] */
void sr_thread_keep_clean(lua_State *L);

/*
** Makes them so again. False: a module was loaded and globals were made meanwhile, which may be its own; it will not be
** loaded again, so this state is of no use any more. [-0, +0, m]
*/
bool sr_thread_clean(lua_State *L);

#endif
