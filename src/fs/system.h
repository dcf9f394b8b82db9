/* SPDX-License-Identifier: MIT */
/*
** Calls of the system, through libuv, that wait: for the threads of a job. All of them return 0 (or what they say) or
** libuv's negative status.
**
** A file on a disk never holds anybody up for long. What is none (a pipe, a terminal) may do so for ever; so it is
** opened as one that does not wait, and the thread looks now and then whether its job has been abandoned.
*/
#ifndef SR_FS_SYSTEM_H
#define SR_FS_SYSTEM_H

#include <stddef.h>

#include "fs/job.h"

/* An open file, as the functions below need it. */
typedef struct SrFsHandle {
  SrFsJob *job;     /* in whose thread this is */
  uv_file fd;       /* negative: not open */
  bool is_seekable; /* a file that has positions: reads and writes of it do not wait */
  bool gives_way;   /* where others would have to wait they give UV_EAGAIN: the thread is for all */
} SrFsHandle;

/* Opens `path`; the handle's job is set. */
int sr_fs_open(SrFsHandle *handle, const char *path, int flags, int mode);
/* The same; whether it has positions is to be found out. */
int sr_fs_open_plainly(SrFsHandle *handle, const char *path, int flags, int mode);
int sr_fs_close(uv_file fd);
/* Reads at a position, -1: where the system is. The number of bytes; 0 at the end. */
ptrdiff_t sr_fs_read(const SrFsHandle *handle, char *into, size_t room, int64_t position);
/* Writes them all; `*written` is how many of them the system took, also if it failed. */
int sr_fs_write(const SrFsHandle *handle, const char *bytes, size_t size, int64_t position, size_t *written);

int sr_fs_stat(const char *path, uv_stat_t *stat);
int sr_fs_lstat(const char *path, uv_stat_t *stat);
int sr_fs_fstat(uv_file fd, uv_stat_t *stat);
int sr_fs_unlink(const char *path);
int sr_fs_rmdir(const char *path);
int sr_fs_mkdir(const char *path, int mode);
int sr_fs_rename(const char *path, const char *target);
int sr_fs_fchmod(uv_file fd, int mode);
int sr_fs_fsync(uv_file fd);
int sr_fs_ftruncate(uv_file fd, int64_t size);
/* The path without links, from malloc; NULL: see status. */
char *sr_fs_realpath(const char *path, int *status);
/* What a link says, in the same way. */
char *sr_fs_readlink(const char *path, int *status);

/* "file", "directory", "link", "fifo", "socket", "char", "block" or "unknown". */
const char *sr_fs_type(const uv_stat_t *stat);

#endif
