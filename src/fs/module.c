/* SPDX-License-Identifier: MIT */
/*
** saros.fs.core: files for lua/saros/fs. It knows the runtime only through the table of functions behind saros.h, as
** any other C module would.
*/
#include "base/platform.h"
#include "base/resident.h"
#include "fs/cached.h"
#include "fs/file.h"
#include "io/failure.h"

/* temporary_folder() gives the path of the folder for temporary files. */
static int l_temporary_folder(lua_State *L) {
  char path[4096];
  size_t size = sizeof path;
  int status = uv_os_tmpdir(path, &size);
  if (status != 0) return sr_io_push_system(L, status, "tmpdir"), lua_error(L);
  lua_pushlstring(L, path, size);
  return 1;
}

/* What modes are made of, as a table. */
static void push_flags(lua_State *L) {
  static const struct {
    const char *name;
    int value;
  } flags[] = {{"rdonly", UV_FS_O_RDONLY}, {"wronly", UV_FS_O_WRONLY}, {"rdwr", UV_FS_O_RDWR}, {"creat", UV_FS_O_CREAT},
               {"trunc", UV_FS_O_TRUNC},   {"append", UV_FS_O_APPEND}, {"excl", UV_FS_O_EXCL}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    lua_pushinteger(L, flags[i].value);
    lua_setfield(L, -2, flags[i].name);
  }
}

SAROS_EXPORT int luaopen_saros_fs_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_fs_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"lines", sr_fs_l_lines},
                                       {"check_formats", sr_fs_l_check_formats},
                                       {"keep", sr_fs_l_keep},
                                       {"drop", sr_fs_l_drop},
                                       {"scandir", sr_fs_l_scandir},
                                       {"watch", sr_fs_l_watch},
                                       {"temporary_folder", l_temporary_folder},
                                       {NULL, NULL}};
  sr_stay_loaded();
  sr_io_saros = saros_open(L);
  sr_ignore_broken_pipes();
  sr_fs_open_call(L);
  sr_fs_open_file(L);
  sr_fs_open_scandir(L);
  sr_fs_open_watch(L);
  luaL_newlib(L, functions);
  sr_fs_add_acts(L, sr_fs_path_acts);
  sr_fs_add_acts(L, sr_fs_whole_acts);
  sr_fs_add_acts(L, sr_fs_open_acts);
  sr_fs_add_acts(L, sr_fs_folder_acts);
  sr_fs_add_acts(L, sr_fs_find_acts);
  sr_fs_cached_add(L);
  push_flags(L);
  lua_setfield(L, -2, "flags");
  sr_io_push_meta(L, &sr_fs_file_class);
  lua_setfield(L, -2, "file_meta");
  return 1;
}
