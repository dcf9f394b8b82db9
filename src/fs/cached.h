/* SPDX-License-Identifier: MIT */
/* Files that the system has in memory. */
#ifndef SR_FS_CACHED_H
#define SR_FS_CACHED_H

#include <lua.h>

/* Adds stat_cached(folder, path), read_cached(...) and open_cached(...) to the table on top. [-0, +0, m] */
void sr_fs_cached_add(lua_State *L);

#endif
