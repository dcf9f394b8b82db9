/* SPDX-License-Identifier: MIT */
/* How files are opened. */
#ifndef SR_FS_OPENING_H
#define SR_FS_OPENING_H

#include "fs/file.h"

/* Pushes a file that is to be opened. [-0, +1, v] */
SrFsFile *sr_fs_opening_new(lua_State *L, const char *path);
/* Pushes an open file, which takes the descriptor from the handle. [-0, +1, v] */
SrFsFile *sr_fs_opening_push(lua_State *L, const char *path, SrFsHandle *handle);

#endif
