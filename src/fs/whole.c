/* SPDX-License-Identifier: MIT */
/* Whole files, each in one hop: reading, writing, copying. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "fs/draft.h"
#include "fs/fs.h"

/* What is read at once where the size is not known, and copied at once. */
enum { PIECE = 65536, COPIED = 262144 };

/* The mode of a new file, before the mask of the process. */
enum { NEW_MODE = 0666 };

static bool open_for(SrFsCall *call, int flags) {
  return sr_fs_went(call, "open", sr_fs_open(&call->handle, call->path, flags, NEW_MODE));
}

static bool close_handle(SrFsCall *call) {
  uv_file fd = call->handle.fd;
  call->handle.fd = -1;
  return sr_fs_went(call, "close", sr_fs_close(fd));
}

/* Whether the job goes on; else the call has failed. */
static bool goes_on(SrFsCall *call) {
  return !sr_fs_is_abandoned(&call->job) || sr_fs_went(call, "cancel", UV_ECANCELED);
}

/* --- read_file ------------------------------------------------------------------------ */

/* The size is a hint: files of /proc have none, others grow. One byte more shows the end without another growth. */
static bool read_on(SrFsCall *call, SrBuffer *bytes, size_t expected) {
  for (;;) {
    size_t room = expected > bytes->size ? expected - bytes->size + 1 : PIECE;
    if (!sr_buffer_reserve(bytes, room)) return sr_fs_went(call, "read", UV_ENOMEM);
    ptrdiff_t count = sr_fs_read(&call->handle, bytes->data + bytes->size, bytes->capacity - bytes->size, -1);
    if (!sr_fs_went(call, "read", count)) return false;
    bytes->size += (size_t)count;
    if (count == 0 || bytes->size == expected) return true;
    if (!goes_on(call)) return false;
  }
}

static void run_read_file(SrFsCall *call) {
  SrBuffer bytes = {0};
  if (!sr_fs_went(call, "open", sr_fs_open_plainly(&call->handle, call->path, UV_FS_O_RDONLY, 0))) return;
  bool is_read = sr_fs_went(call, "fstat", sr_fs_fstat(call->handle.fd, &call->stat));
  call->handle.is_seekable = (call->stat.st_mode & S_IFMT) == S_IFREG; /* what is none may make us wait */
  is_read = is_read && read_on(call, &bytes, (size_t)call->stat.st_size);
  close_handle(call);
  if (!is_read) {
    sr_buffer_free(&bytes);
    return;
  }
  call->text = bytes.data;
  call->length = bytes.size;
}

/* --- write_file, append_file ------------------------------------------------------------- */

static void write_with(SrFsCall *call, int flags) {
  size_t written;
  if (!open_for(call, flags)) return;
  sr_fs_went(call, "write", sr_fs_write(&call->handle, call->data, call->size, -1, &written));
  close_handle(call);
}

static void run_write_file(SrFsCall *call) {
  write_with(call, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_TRUNC);
}

static void run_append_file(SrFsCall *call) {
  write_with(call, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_APPEND);
}

/* As long as nobody has given it up, the file that was there is as it was. */
static void run_write_atomic(SrFsCall *call) {
  size_t written;
  const char *syscall;
  SrFsDraft draft = {.handle.job = &call->job};
  if (!sr_fs_went(call, "open", sr_fs_draft_open(&draft, call->path, -1, &syscall))) {
    call->syscall = syscall;
    return;
  }
  int status = sr_fs_write(&draft.handle, call->data, call->size, -1, &written);
  if (!sr_fs_went(call, "write", status) || !goes_on(call)) {
    sr_fs_draft_drop(&draft);
    return;
  }
  if (!sr_fs_went(call, "rename", sr_fs_draft_keep(&draft, true, &syscall))) call->syscall = syscall;
}

/* --- copy ------------------------------------------------------------------------------- */

/* A copy is complete or not there; a file that was there before may be lost. */
static bool copy_bytes(SrFsCall *call, const SrFsHandle *to) {
  size_t written;
  ptrdiff_t count = 1;
  char *piece = (char *)malloc(COPIED);
  bool goes_well = piece != NULL || sr_fs_went(call, "copy", UV_ENOMEM);
  while (goes_well && count > 0) {
    count = sr_fs_read(&call->handle, piece, COPIED, -1);
    goes_well = sr_fs_went(call, "read", count) && goes_on(call) &&
                sr_fs_went(call, "write", sr_fs_write(to, piece, (size_t)count, -1, &written));
  }
  free(piece);
  return goes_well;
}

/* Onto itself: nothing is to be done. */
static bool is_same(const uv_stat_t *one, const uv_stat_t *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

static void fill_copy(SrFsCall *call, const SrFsHandle *to) {
  uv_stat_t stat;
  if (!sr_fs_went(call, "fstat", sr_fs_fstat(to->fd, &stat)) || is_same(&stat, &call->stat)) return;
  bool is_file = (stat.st_mode & S_IFMT) == S_IFREG;
  if (is_file && !sr_fs_went(call, "ftruncate", sr_fs_ftruncate(to->fd, 0))) return;
  bool is_done = copy_bytes(call, to);
  if (!is_file) return;
  if (is_done) is_done = sr_fs_went(call, "chmod", sr_fs_fchmod(to->fd, (int)(call->stat.st_mode & 07777)));
  if (!is_done) sr_fs_unlink(call->dest);
}

static void run_copy(SrFsCall *call) {
  SrFsHandle to = {.job = &call->job, .fd = -1};
  int flags = UV_FS_O_WRONLY | UV_FS_O_CREAT | (sr_fs_integer(call, 0, 0) != 0 ? UV_FS_O_EXCL : 0);
  if (!open_for(call, UV_FS_O_RDONLY)) return;
  bool is_file = sr_fs_went(call, "fstat", sr_fs_fstat(call->handle.fd, &call->stat));
  if (is_file && (call->stat.st_mode & S_IFMT) == S_IFDIR) is_file = sr_fs_went(call, "copy", UV_EISDIR);
  int mode = (int)(call->stat.st_mode & 07777);
  if (is_file && sr_fs_went(call, "open", sr_fs_open(&to, call->dest, flags, mode))) {
    fill_copy(call, &to);
    sr_fs_went(call, "close", sr_fs_close(to.fd));
  }
  close_handle(call);
}

const SrFsAct sr_fs_whole_acts[] = {
    {"read_file", run_read_file, sr_fs_push_text, NULL, true},
    {"write_file", run_write_file, sr_fs_push_true, NULL, false},
    {"write_atomic", run_write_atomic, sr_fs_push_true, NULL, false},
    {"append_file", run_append_file, sr_fs_push_true, NULL, false},
    {"copy", run_copy, sr_fs_push_true, NULL, false},
    {.function = NULL},
};
