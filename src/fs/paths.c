/* SPDX-License-Identifier: MIT */
/* What is done to paths with a call of the system or two. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/fs.h"

/* What new folders and files get unless they are told otherwise, before the mask of the process. */
enum { FOLDER_MODE = 0777 };

/* The result of a request, which is done with. */
static bool finish(SrFsCall *call, const char *syscall, uv_fs_t *request, int result) {
  uv_fs_req_cleanup(request);
  return sr_fs_went(call, syscall, result);
}

/* --- asking --------------------------------------------------------------------------- */

static void run_stat(SrFsCall *call) {
  sr_fs_went(call, "stat", sr_fs_stat(call->path, &call->stat));
}

static void run_lstat(SrFsCall *call) {
  sr_fs_went(call, "lstat", sr_fs_lstat(call->path, &call->stat));
}

static int push_stat(lua_State *L, SrFsCall *call) {
  sr_fs_push_stat(L, &call->stat);
  return 1;
}

/* That there is none is an answer. Whether a folder on the way must not be looked into is not. */
static void run_exists(SrFsCall *call) {
  int status = sr_fs_stat(call->path, &call->stat);
  call->length = status == 0;
  bool is_answer = status == UV_ENOENT || status == UV_ENOTDIR || status == UV_ELOOP || status == UV_ENAMETOOLONG;
  if (!is_answer) sr_fs_went(call, "stat", status);
}

static void run_access(SrFsCall *call) {
  uv_fs_t request;
  int status = uv_fs_access(NULL, &request, call->path, sr_fs_integer(call, 0, 0), NULL);
  uv_fs_req_cleanup(&request);
  call->length = status == 0;
  if (status == UV_ENOMEM || status == UV_EIO) sr_fs_went(call, "access", status);
}

static int push_answer(lua_State *L, SrFsCall *call) {
  lua_pushboolean(L, call->length != 0);
  return 1;
}

static void take_text(SrFsCall *call, const char *syscall, char *text, int status) {
  call->text = text;
  call->length = text != NULL ? strlen(text) : 0;
  sr_fs_went(call, syscall, status);
}

static void run_readlink(SrFsCall *call) {
  int status;
  char *text = sr_fs_readlink(call->path, &status);
  take_text(call, "readlink", text, status);
}

static void run_realpath(SrFsCall *call) {
  int status;
  char *text = sr_fs_realpath(call->path, &status);
  take_text(call, "realpath", text, status);
}

/* --- making and removing ----------------------------------------------------------------- */

static void run_mkdir(SrFsCall *call) {
  sr_fs_went(call, "mkdir", sr_fs_mkdir(call->path, sr_fs_integer(call, 0, FOLDER_MODE)));
}

static bool is_separator(char c) {
  return c == '/' || c == LUA_DIRSEP[0];
}

/* A folder that is there is as good as one that was made; a file is not. */
static int make_folder(const char *path, int mode) {
  uv_stat_t stat;
  int status = sr_fs_mkdir(path, mode);
  if (status == 0 || sr_fs_stat(path, &stat) != 0) return status;
  return (stat.st_mode & S_IFMT) == S_IFDIR ? 0 : status == UV_EEXIST ? UV_EEXIST : status;
}

/* The mode is that of the last one, as of mkdir -p. */
static void run_mkdir_parents(SrFsCall *call) {
  char *path = strdup(call->path);
  if (path == NULL) {
    sr_fs_went(call, "mkdir", UV_ENOMEM);
    return;
  }
  for (size_t end = strlen(path); end > 1 && is_separator(path[end - 1]); end--) path[end - 1] = '\0';
  for (size_t at = 1; path[0] != '\0' && path[at] != '\0'; at++) {
    if (!is_separator(path[at]) || is_separator(path[at - 1])) continue;
    char separator = path[at];
    path[at] = '\0';
    int status = make_folder(path, FOLDER_MODE);
    path[at] = separator;
    if (status != 0 && status != UV_EACCES && status != UV_EROFS && status != UV_EPERM) break; /* the last one tells */
  }
  sr_fs_went(call, "mkdir", make_folder(path, sr_fs_integer(call, 0, FOLDER_MODE)));
  free(path);
}

static void run_rmdir(SrFsCall *call) {
  sr_fs_went(call, "rmdir", sr_fs_rmdir(call->path));
}

/* As C's remove: a file, or a folder that is empty. */
static void run_remove(SrFsCall *call) {
  uv_stat_t stat;
  int status = sr_fs_unlink(call->path);
  bool is_folder = (status == UV_EISDIR || status == UV_EPERM || status == UV_EACCES) &&
                   sr_fs_lstat(call->path, &stat) == 0 && (stat.st_mode & S_IFMT) == S_IFDIR;
  if (is_folder)
    sr_fs_went(call, "rmdir", sr_fs_rmdir(call->path));
  else
    sr_fs_went(call, "unlink", status);
}

static void run_rename(SrFsCall *call) {
  sr_fs_went(call, "rename", sr_fs_rename(call->path, call->dest));
}

static void run_link(SrFsCall *call) {
  uv_fs_t request;
  finish(call, "link", &request, uv_fs_link(NULL, &request, call->path, call->dest, NULL));
}

static void run_symlink(SrFsCall *call) {
  uv_fs_t request;
  finish(call, "symlink", &request, uv_fs_symlink(NULL, &request, call->path, call->dest, 0, NULL));
}

static void run_mkdtemp(SrFsCall *call) {
  uv_fs_t request;
  int status = uv_fs_mkdtemp(NULL, &request, call->path, NULL);
  if (status == 0 && (call->text = strdup(request.path)) == NULL) status = UV_ENOMEM;
  call->length = call->text != NULL ? strlen(call->text) : 0;
  finish(call, "mkdtemp", &request, status);
}

static void undo_mkdtemp(SrFsCall *call) {
  sr_fs_rmdir(call->text);
}

/* --- changing ----------------------------------------------------------------------------- */

static void run_chmod(SrFsCall *call) {
  uv_fs_t request;
  finish(call, "chmod", &request, uv_fs_chmod(NULL, &request, call->path, sr_fs_integer(call, 0, 0), NULL));
}

static void run_chown(SrFsCall *call) {
  uv_fs_t request;
  uv_uid_t uid = sr_fs_is_given(call, 0) ? (uv_uid_t)(int64_t)call->number[0] : (uv_uid_t)-1;
  uv_gid_t gid = sr_fs_is_given(call, 1) ? (uv_gid_t)(int64_t)call->number[1] : (uv_gid_t)-1;
  finish(call, "chown", &request, uv_fs_chown(NULL, &request, call->path, uid, gid, NULL));
}

/* A time that is not given is now. */
static double time_of(const SrFsCall *call, int index) {
  uv_timeval64_t now;
  if (sr_fs_is_given(call, index)) return call->number[index];
  uv_gettimeofday(&now);
  return (double)now.tv_sec + (double)now.tv_usec / 1e6;
}

static void run_utime(SrFsCall *call) {
  uv_fs_t request;
  double atime = time_of(call, 0), mtime = time_of(call, 1);
  finish(call, "utime", &request, uv_fs_utime(NULL, &request, call->path, atime, mtime, NULL));
}

const SrFsAct sr_fs_path_acts[] = {
    {"stat", run_stat, push_stat, NULL, true},
    {"lstat", run_lstat, push_stat, NULL, true},
    {"exists", run_exists, push_answer, NULL, true},
    {"access", run_access, push_answer, NULL, false},
    {"readlink", run_readlink, sr_fs_push_text, NULL, true},
    {"realpath", run_realpath, sr_fs_push_text, NULL, true},
    {"mkdir", run_mkdir, sr_fs_push_true, NULL, false},
    {"mkdir_parents", run_mkdir_parents, sr_fs_push_true, NULL, false},
    {"rmdir", run_rmdir, sr_fs_push_true, NULL, true},
    {"remove", run_remove, sr_fs_push_true, NULL, true},
    {"rename", run_rename, sr_fs_push_true, NULL, false},
    {"link", run_link, sr_fs_push_true, NULL, false},
    {"symlink", run_symlink, sr_fs_push_true, NULL, false},
    {"mkdtemp", run_mkdtemp, sr_fs_push_text, undo_mkdtemp, false},
    {"chmod", run_chmod, sr_fs_push_true, NULL, false},
    {"chown", run_chown, sr_fs_push_true, NULL, false},
    {"utime", run_utime, sr_fs_push_true, NULL, false},
    {.function = NULL},
};
