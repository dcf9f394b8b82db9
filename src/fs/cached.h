/* SPDX-License-Identifier: MIT */
/* Files that the system has in memory. */
#ifndef SR_FS_CACHED_H
#define SR_FS_CACHED_H

#include <lua.h>

/* Adds read_cached(folder, path) and open_cached(folder, path) to the table on top. [-0, +0, m] */
void sr_fs_cached_add(lua_State *L);

#endif
