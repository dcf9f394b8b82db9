/* SPDX-License-Identifier: MIT */
/*
** What Lua's io and os libraries lack for saving a body: a file that is new for certain, taking the place of
** another on every system, and errors by name. All of it goes through libuv: on Windows paths are UTF-8.
*/
#ifndef SR_FS_FILE_H
#define SR_FS_FILE_H

#include <lua.h>

/* Adds open(), create(), target(), rename(), remove() and error_name() to the table on top. [-0, +0, m] */
void sr_fs_open_file(lua_State *L);

#endif
