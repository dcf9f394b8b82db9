/* SPDX-License-Identifier: MIT */
/*
** The modules of saros that are written in Lua, as Lua 5.4 compiles them: `require` finds them here before it would look
** for their files, which costs a tenth of compiling those and opens nothing. All that is known of them, like the places in
** tracebacks, is as if their files had been loaded.
**
** Another Lua than the one of the build may not take them: then the files are.
*/
#ifndef SR_COMPILED_H
#define SR_COMPILED_H

#include "runtime/state.h"

/* Adds a searcher to those of `require`, behind that of package.preload. [-0, +0, m] */
void sr_open_compiled(lua_State *L);

#endif
