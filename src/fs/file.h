/* SPDX-License-Identifier: MIT */
/*
** What Lua's io and os libraries lack for saving a body: a file that is new for certain, taking the place of
** another on every system, and errors by name. All of it goes through libuv: on Windows paths are UTF-8.
*/
#ifndef SR_FS_FILE_H
#define SR_FS_FILE_H

#include <lua.h>

/*
** target(path): what stands at the path, links followed. Returns "file", "directory" or "device" (all that
** is neither), its own path and its permissions; nothing if there is none. [-1, +0|3, m]
*/
int sr_fs_target(lua_State *L);

/*
** open(path [, writes]): a file to be read, or to be written from its start. Returns it; or nil, libuv's name
** of the error and its text. [-2, +1|3, v]
*/
int sr_fs_open(lua_State *L);

/*
** create(path [, mode]): makes a new file beside `path`, to be renamed to it; a mode is its exact one.
** Returns the file, open for writing, and its name; or nil, libuv's name of the error and its text. [-2, +2|3, m]
*/
int sr_fs_create(lua_State *L);

/*
** rename(path, new): as os.rename, but what is at `new` is replaced on Windows, too. Returns true; or nil,
** libuv's name of the error and its text. [-2, +1|3, v]
*/
int sr_fs_rename(lua_State *L);

/* remove(path): of a file that create has made; returns as rename does. [-1, +1|3, v] */
int sr_fs_remove(lua_State *L);

/* error_name(errno) gives libuv's name. [-1, +1, v] */
int sr_fs_error_name(lua_State *L);

#endif
