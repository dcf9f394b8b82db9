/* SPDX-License-Identifier: MIT */
/*
** An open file.
**
** One task uses it at a time, and one job at most is under way for it. Who is cancelled leaves the job behind; whoever
** uses the file next waits for its end first. The file's position is ours: what a job does to a file with positions it
** does at a place of its own, so one that was left behind moves nothing. A read of anything else puts its bytes into the
** buffer even if nobody waits for them any more.
*/
#ifndef SR_FS_FILE_H
#define SR_FS_FILE_H

#include "base/buffer.h"
#include "fs/fs.h"

typedef struct SrFsFile SrFsFile;

/* Something that a thread does to the file. It is libuv's until its end. */
typedef struct SrFsTurn {
  SrFsJob job; /* the first, so that a pointer to it is one to the turn */
  void (*act)(struct SrFsTurn *turn);
  SrFsFile *file; /* NULL: closed meanwhile, and the handle is to be closed */
  SrFsHandle handle;
  bool is_left;        /* the task that wanted it is gone */
  bool is_last;        /* it closes the file, whose descriptor it owns */
  bool is_read;        /* it has the file's buffer */
  bool wants_all;      /* all up to the end */
  bool has_ended;      /* it found the end */
  bool appends;        /* what is written goes to the end of the file */
  SrBuffer room;       /* the file's buffer, or the bytes to be written */
  size_t before;       /* of a read: how much was in the buffer */
  size_t count;        /* how much is to be read */
  int64_t position;    /* where, -1: where the system is; or the size that is wanted */
  int64_t moved;       /* the file's position after it, -1: as before */
  int status;          /* UV_EAGAIN: it has to wait, and does so on the loop */
  uv_poll_t *patience; /* while it does; NULL otherwise */
  bool writes;         /* it waits until it can write */
  const char *syscall;
  uv_stat_t stat;
  char *doomed; /* the name of a file that goes when this is closed */
  char *target; /* the place it is to get in that case */
} SrFsTurn;

struct SrFsFile {
  const SrIoClass *cls;
  saros_resource resource;
  saros_wait wait; /* of the task that uses it */
  uv_loop_t *loop;
  uv_file fd;       /* negative: closed */
  bool is_seekable; /* it has positions */
  bool appends;
  bool closes_at_end;  /* of an iterator */
  bool closes_at_once; /* it was only read, and no other name goes with it: closing waits for nothing */
  bool is_busy;        /* a task is parked, or about to go on */
  bool is_closing;     /* that task closes it */
  SrBuffer in;         /* what was read ahead; empty while a job has it */
  size_t ahead;        /* so much the last read wanted; 0: it begins anew */
  int64_t position;    /* of the first byte in there */
  bool is_lent;        /* others have its descriptor: the system stands where the file does, and they may move both */
  SrFsTurn *turn;      /* under way, or NULL */
  char *path;
  char *doomed, *target; /* of a draft, see SrFsTurn; or NULL */

  /* Of the operation that goes on. */
  const char *function;
  int (*next)(lua_State *L, SrFsFile *file); /* what comes when the turn has ended */
  int status;                                /* of the last turn */
  const char *syscall;
  uv_stat_t stat;
  bool has_ended; /* the end of the file was seen */
  int formats;    /* how many the reader has on its stack */
  size_t taken;   /* the formats have taken the first so many bytes of the buffer */
  size_t scanned; /* no end of a line is among the first so many of the others */
};

extern const SrIoClass sr_fs_file_class;

/*
** The beginning of a method: raises where nobody can wait, what is closed, what another task uses. True: the task is
** cancelled, and the method has to return what raise gives. [-0, +0, v]
*/
bool sr_fs_file_begin(lua_State *L, SrFsFile *file, const char *function);
/* Calls `next` when nothing is under way. To be returned. [-0, +n, v] */
int sr_fs_file_go(lua_State *L, SrFsFile *file, int (*next)(lua_State *L, SrFsFile *file));
/* A turn to be filled in. [-0, +0, v] */
SrFsTurn *sr_fs_file_turn(lua_State *L, SrFsFile *file, void (*act)(SrFsTurn *turn));
/* Has it done, then calls `next`. To be returned. [-0, +n, v] */
int sr_fs_file_await(lua_State *L, SrFsFile *file, SrFsTurn *turn, int (*next)(lua_State *L, SrFsFile *file));
/* The file stands there from now on. */
void sr_fs_file_move(SrFsFile *file, int64_t position);
/* Raises if the last turn failed. [-0, +0, v] */
void sr_fs_file_check(lua_State *L, const SrFsFile *file);
/* The file a method was called on. [-0, +0, v] */
SrFsFile *sr_fs_file_self(lua_State *L, const char *function);
/* Raises a SystemError of this file. [-0, +0, v] */
int sr_fs_file_fail(lua_State *L, const SrFsFile *file, int status, const char *syscall);
/* Lets go of it without waiting. */
void sr_fs_file_drop(SrFsFile *file);

/* Makes an open file of a descriptor; the rest is filled in. [-0, +0, -] */
void sr_fs_file_open(lua_State *L, SrFsFile *file, const SrFsHandle *handle);

/* An iterator has come to its end: closes the file, and returns nil. To be returned. [-0, +1, v] */
int sr_fs_file_close_at_end(lua_State *L, SrFsFile *file);

#endif
