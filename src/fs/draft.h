/* SPDX-License-Identifier: MIT */
/*
** A file that takes the place of another one when it is complete, or vanishes: for the threads of a job.
**
** It lies in the same folder, so that a rename is enough. A link is followed, and stays one; the permissions of the
** file that was there are kept. What is no file (a device, a pipe) cannot be replaced: it is written to.
*/
#ifndef SR_FS_DRAFT_H
#define SR_FS_DRAFT_H

#include "fs/system.h"

/* Whoever has it frees both names. */
typedef struct SrFsDraft {
  SrFsHandle handle; /* open for writing; its job is set by who opens it */
  char *name;        /* where it is now; NULL: it is not to be renamed, nor removed */
  char *target;      /* where it belongs */
} SrFsDraft;

/* `mode` of -1: the one of the file before it, or what new files get. 0 or a status, then `*syscall` is what failed. */
int sr_fs_draft_open(SrFsDraft *draft, const char *path, int mode, const char **syscall);
/* Its bytes are written: closes it, and puts it in its place. If that fails it is gone. 0 or a status. */
int sr_fs_draft_keep(SrFsDraft *draft, bool syncs, const char **syscall);
/* Closes it, if it is open, and removes it, if it has not been kept. */
void sr_fs_draft_drop(SrFsDraft *draft);

#endif
