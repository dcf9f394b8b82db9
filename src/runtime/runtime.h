/* SPDX-License-Identifier: MIT */
/*
** The runtime: one for each Lua state, opened with the module; and `run`, which works it.
**
** Invariant: Lua runs between two calls of uv_run, never inside one, so no Lua error
** can cross libuv and lua_close finds no libuv frame below it.
*/
#ifndef SR_RUNTIME_H
#define SR_RUNTIME_H

/* What the rooms above build on. */
#include "runtime/cancel.h"
#include "runtime/clock.h"
#include "runtime/cycle.h"
#include "runtime/error.h"
#include "runtime/future.h"
#include "runtime/handle.h"
#include "runtime/object.h"
#include "runtime/park.h"
#include "runtime/scope.h"
#include "runtime/state.h"
#include "runtime/task.h"
#include "runtime/trace.h"
#include "runtime/tree.h"
#include "runtime/wait.h"

/*
** Pushes the table of functions. The first time it makes the runtime of this Lua state and has `init` fill
** the table; whoever loads the module again gets the same one. [-0, +1, v]
*/
int sr_open_runtime(lua_State *L, lua_CFunction init);

/* run(main, ...), now() */
int sr_l_run(lua_State *L);
int sr_l_now(lua_State *L);
/* adopt_loop(loop_of), uv_version(): for a script in which another library has a loop, too */
int sr_l_adopt_loop(lua_State *L);
int sr_l_uv_version(lua_State *L);
/* testing.run(fn): the same on a virtual clock; whatever is left over at its end is a failure */
int sr_l_test_run(lua_State *L);

#endif
