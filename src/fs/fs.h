/* SPDX-License-Identifier: MIT */
/* What the files of saros.fs.core give to module.c and to each other. */
#ifndef SR_FS_H
#define SR_FS_H

#include "fs/call.h"

extern const SrFsAct sr_fs_path_acts[], sr_fs_whole_acts[], sr_fs_open_acts[], sr_fs_folder_acts[], sr_fs_find_acts[];

/* The methods of files: those that read, those that write, and those that end it; and its metamethods. */
extern const luaL_Reg sr_fs_read_methods[], sr_fs_write_methods[], sr_fs_close_methods[], sr_fs_file_meta[];

/* keep(file, whether it is to be on the disk): closes a draft, which then is in its place, or gone. */
int sr_fs_l_keep(lua_State *L);
/* drop(file): closes it without waiting for that. */
int sr_fs_l_drop(lua_State *L);
/* lines(file, format...): an iterator that closes the file at its end. */
int sr_fs_l_lines(lua_State *L);
/* check_formats(path, format...) raises what is wrong with the formats of lines. */
int sr_fs_l_check_formats(lua_State *L);
/* scandir(path) */
int sr_fs_l_scandir(lua_State *L);
/* watch(path) */
int sr_fs_l_watch(lua_State *L);

/* Their classes. [-0, +0, m] */
void sr_fs_open_file(lua_State *L);
void sr_fs_open_scandir(lua_State *L);
void sr_fs_open_watch(lua_State *L);

#endif
