/* SPDX-License-Identifier: MIT */
/*
** The modules of saros that are written in Lua, as Lua 5.4 compiles them: `require` finds them here before it would
** look for their files, which costs a seventh of compiling those and opens nothing. All that is known of them, like the
** places in tracebacks, is as if their files had been loaded.
**
** What is compiled has one form from 5.4.0 on, and its head tells whether numbers are those of this Lua. Where that is
** not so their files are loaded.
*/
#ifndef SR_COMPILED_H
#define SR_COMPILED_H

#include "runtime/state.h"

/* Adds a searcher to those of `require`, behind that of package.preload. [-0, +0, m] */
void sr_open_compiled(lua_State *L);

#endif
