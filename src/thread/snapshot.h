/* SPDX-License-Identifier: MIT */
/*
** What is in a table, to see later at little cost whether it has changed. It holds none of it: somebody else has to, or
** a new object may pass for one that is gone.
*/
#ifndef SR_THREAD_SNAPSHOT_H
#define SR_THREAD_SNAPSHOT_H

#include <lua.h>
#include <stdbool.h>

/* Pushes a snapshot of the table at `table`. [-0, +1, m] */
void sr_thread_push_snapshot(lua_State *L, int table);

/* Whether the table holds what it held then, and `lua_next` finds it in the same order. [-0, +0, -] */
bool sr_thread_is_unchanged(lua_State *L, int table, int snapshot);

/* How many fields there were. [-0, +0, -] */
lua_Integer sr_thread_snapshot_size(lua_State *L, int snapshot);

#endif
