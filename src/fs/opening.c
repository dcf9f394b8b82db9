/* SPDX-License-Identifier: MIT */
/* How files are opened, see opening.h. The numbers of these acts are flags and a mode. */
#include "fs/opening.h"

#include <string.h>

#include "fs/draft.h"

static void run_open(SrFsCall *call) {
  int flags = sr_fs_integer(call, 0, 0), mode = sr_fs_integer(call, 1, 0666);
  if (!sr_fs_went(call, "open", sr_fs_open(&call->handle, call->path, flags, mode))) return;
  bool is_at_end = (flags & UV_FS_O_APPEND) != 0 && (flags & UV_FS_O_RDWR) == 0; /* as C's streams begin */
  if (is_at_end && sr_fs_fstat(call->handle.fd, &call->stat) == 0) call->length = (size_t)call->stat.st_size;
}

/* It has no name as soon as it is there. */
static void run_tempfile(SrFsCall *call) {
  uv_fs_t request;
  int fd = uv_fs_mkstemp(NULL, &request, call->path, NULL);
  if (sr_fs_went(call, "mkstemp", fd)) {
    call->handle.fd = fd;
    call->handle.is_seekable = true;
    sr_fs_unlink(request.path);
  }
  uv_fs_req_cleanup(&request);
}

static void run_draft(SrFsCall *call) {
  const char *syscall;
  SrFsDraft draft = {.handle.job = &call->job};
  if (!sr_fs_went(call, "open", sr_fs_draft_open(&draft, call->path, sr_fs_integer(call, 1, -1), &syscall))) {
    call->syscall = syscall;
    return;
  }
  call->handle = draft.handle;
  call->text = draft.name;
  call->second = draft.target;
}

static void undo_draft(SrFsCall *call) {
  if (call->text != NULL) sr_fs_unlink(call->text);
}

SrFsFile *sr_fs_opening_new(lua_State *L, const char *path) {
  SrFsFile *file = (SrFsFile *)sr_io_new(L, &sr_fs_file_class, sizeof *file, 0);
  file->fd = -1;
  file->path = strdup(path);
  if (file->path == NULL) luaL_error(L, "open: not enough memory");
  return file;
}

SrFsFile *sr_fs_opening_push(lua_State *L, const char *path, SrFsHandle *handle) {
  SrFsFile *file = sr_fs_opening_new(L, path);
  sr_fs_file_open(L, file, handle);
  handle->fd = -1;
  return file;
}

/* The file gets all that the call has found. */
static int push_file(lua_State *L, SrFsCall *call) {
  SrFsFile *file = sr_fs_opening_push(L, call->path, &call->handle);
  file->appends = (sr_fs_integer(call, 0, 0) & UV_FS_O_APPEND) != 0;
  file->position = (int64_t)call->length;
  file->doomed = call->text;
  file->target = call->second;
  call->text = call->second = NULL;
  return 1;
}

const SrFsAct sr_fs_open_acts[] = {
    {"open", run_open, push_file, NULL, false},
    {"tempfile", run_tempfile, push_file, NULL, false},
    {"draft", run_draft, push_file, undo_draft, false},
    {.function = NULL},
};

void sr_fs_open_file(lua_State *L) {
  sr_io_class(L, &sr_fs_file_class, sr_fs_read_methods, sr_fs_file_meta);
  sr_io_push_meta(L, &sr_fs_file_class);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, sr_fs_write_methods, 0);
  luaL_setfuncs(L, sr_fs_close_methods, 0);
  lua_pop(L, 2);
}
