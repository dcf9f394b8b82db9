/* SPDX-License-Identifier: MIT */
/*
** Combining: what runs several awaitables, or one within a scope of its own.
**
** Invariant: a block that is left has left nothing running that it started. Waiting for that
** end cannot be cut short: a cancellation that comes meanwhile cancels what is joined, and is
** raised when the last of it has ended.
*/
#ifndef SR_COMBINE_H
#define SR_COMBINE_H

#include "runtime/runtime.h"

/*
** Pushes a function, and perhaps an argument, that awaits the value at `index` in the present task;
** returns the number of arguments. `owns`: a task is cancelled and joined with the wait. [-0, +(1|2), m]
*/
int sr_push_call(lua_State *L, int index, bool owns);

/* wait_in_generator(tasks, options): wait, under the name that the user of a generator knows. */
int sr_l_wait_in_generator(lua_State *L);

/* list(values, n): makes the table what gather returns, a list of n values of which some may be nil. */
int sr_l_list(lua_State *L);

/* map_source(function, source): how many items there are in what a function such as map goes over; -1: an iterator. */
int sr_l_map_source(lua_State *L);

/* Each opens one file: its functions go into the table on top. */
void sr_open_gather(lua_State *L);
void sr_open_map(lua_State *L);
void sr_open_first(lua_State *L);
void sr_open_select(lua_State *L);
void sr_open_completions(lua_State *L);
void sr_open_timeout(lua_State *L);
void sr_open_group(lua_State *L);
void sr_open_shield(lua_State *L);

#endif
