/* SPDX-License-Identifier: MIT */
/* Drafts, see draft.h. */
#include "fs/draft.h"

#include <luaconf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How many names are tried if they turn out to be taken. */
enum { ATTEMPTS = 100 };

/* How long the name of a file may be, on all systems, and what is put behind it. */
enum { NAME_LIMIT = 255, ENDING = 15 };

/* So many links may lead from one to the next. */
enum { MOST_LINKS = 40 };

/* The mode of a file that is new, before the mask of the process. */
enum { NEW_MODE = 0666 };

/* Where the last name of a path begins. */
static size_t name_at(const char *path) {
  size_t at = strlen(path);
  while (at > 0 && path[at - 1] != '/' && path[at - 1] != LUA_DIRSEP[0]) at--;
  return at;
}

/*
** "path.XXXXXXXX.part", with the hexadecimal digits of a number nobody else has, from malloc. Where the name of the
** file is as long as names may be, a part of it has to do.
*/
static char *new_name(const char *path) {
  unsigned number = 0;
  size_t head = name_at(path), length = strlen(path + head);
  uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
  if (length > NAME_LIMIT - (ENDING - 1) && length <= NAME_LIMIT) length = NAME_LIMIT - (ENDING - 1);
  char *name = (char *)malloc(head + length + ENDING);
  if (name == NULL) return NULL;
  memcpy(name, path, head + length);
  snprintf(name + head + length, ENDING, ".%08x.part", number);
  return name;
}

/* A new file beside the target. */
static int open_new(SrFsDraft *draft, int mode) {
  int status = UV_EEXIST;
  for (int i = 0; i < ATTEMPTS && status == UV_EEXIST; i++) {
    free(draft->name);
    draft->name = new_name(draft->target);
    if (draft->name == NULL) return UV_ENOMEM;
    status = sr_fs_open(&draft->handle, draft->name, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL, mode);
  }
  if (status == 0) return 0;
  free(draft->name);
  draft->name = NULL;
  return status;
}

/* What a link at `path` (from malloc, owned) says, seen from where we are; NULL: see status. */
static char *step_along(char *path, int *status) {
  char *text = sr_fs_readlink(path, status);
  size_t head = name_at(path);
  if (text != NULL && (text[0] == '/' || text[0] == LUA_DIRSEP[0])) head = 0;
  char *joined = text != NULL ? (char *)malloc(head + strlen(text) + 1) : NULL;
  if (joined != NULL) {
    memcpy(joined, path, head);
    strcpy(joined + head, text);
  } else if (text != NULL)
    *status = UV_ENOMEM;
  free(text);
  free(path);
  return joined;
}

/* Where a path leads to, from malloc; there need not be anything yet. NULL: see status. */
static char *target_of(const char *path, bool exists, int *status) {
  uv_stat_t stat;
  if (exists) return sr_fs_realpath(path, status);
  char *target = strdup(path);
  *status = target != NULL ? 0 : UV_ENOMEM;
  for (int i = 0; i < MOST_LINKS && target != NULL; i++) {
    if (sr_fs_lstat(target, &stat) != 0 || (stat.st_mode & S_IFMT) != S_IFLNK) return target;
    target = step_along(target, status);
  }
  if (target != NULL) *status = UV_ELOOP;
  free(target);
  return NULL;
}

int sr_fs_draft_open(SrFsDraft *draft, const char *path, int mode, const char **syscall) {
  uv_stat_t stat;
  bool exists = sr_fs_stat(path, &stat) == 0;
  unsigned type = exists ? (unsigned)stat.st_mode & S_IFMT : S_IFREG;
  int status;
  draft->handle.fd = -1;
  draft->name = draft->target = NULL;
  *syscall = "open";
  if (type == S_IFDIR) return UV_EISDIR;
  if (type != S_IFREG) return sr_fs_open(&draft->handle, path, UV_FS_O_WRONLY, NEW_MODE);
  draft->target = target_of(path, exists, &status);
  if (draft->target == NULL) return status;
  bool is_exact = exists || mode >= 0;
  if (mode < 0) mode = exists ? (int)(stat.st_mode & 07777) : NEW_MODE;
  status = open_new(draft, mode);
  if (status == 0 && is_exact) {
    *syscall = "chmod";
    status = sr_fs_fchmod(draft->handle.fd, mode);
  }
  if (status != 0) sr_fs_draft_drop(draft);
  return status;
}

int sr_fs_draft_keep(SrFsDraft *draft, bool syncs, const char **syscall) {
  uv_file fd = draft->handle.fd;
  *syscall = "fsync";
  int status = syncs && draft->name != NULL ? sr_fs_fsync(fd) : 0;
  draft->handle.fd = -1;
  int closed = sr_fs_close(fd);
  if (status == 0 && closed != 0) *syscall = "close", status = closed;
  if (status == 0 && draft->name != NULL) {
    *syscall = "rename";
    status = sr_fs_rename(draft->name, draft->target);
    if (status == 0) free(draft->name), draft->name = NULL;
  }
  sr_fs_draft_drop(draft);
  return status;
}

void sr_fs_draft_drop(SrFsDraft *draft) {
  if (draft->handle.fd >= 0) sr_fs_close(draft->handle.fd);
  draft->handle.fd = -1;
  if (draft->name != NULL) sr_fs_unlink(draft->name);
  free(draft->name);
  free(draft->target);
  draft->name = draft->target = NULL;
}
