/* SPDX-License-Identifier: MIT */
/*
** Operations on paths: an await each, and one hop to a thread, however many calls of the system it takes.
**
** Two own one: a userdata on the task's stack, and libuv while it runs. What the last of them finds is freed; what was
** done for a task that is gone, and is of no use to others, is undone.
*/
#ifndef SR_FS_CALL_H
#define SR_FS_CALL_H

#include "fs/system.h"
#include "io/object.h"

typedef struct SrFsCall SrFsCall;

/* What there is to do, one static struct for each operation. */
typedef struct SrFsAct {
  const char *function;                      /* as programs know it */
  void (*run)(SrFsCall *call);               /* in a thread */
  int (*push)(lua_State *L, SrFsCall *call); /* pushes the results, of a call that succeeded [-0, +n, v] */
  void (*undo)(SrFsCall *call);              /* in a thread: it succeeded, but nobody wants it; may be NULL */
  bool is_bare;                              /* programs call it as it is, with a path that is checked here */
} SrFsAct;

enum { SR_FS_NUMBERS = 3 };

struct SrFsCall {
  SrFsJob job; /* the first, so that a pointer to it is one to the call */
  saros_wait wait;
  const SrFsAct *act;
  bool is_running; /* libuv's share */
  bool is_owned;   /* the task's */

  /* What is given; all of it lies behind the struct. */
  const char *path, *dest, *data; /* NULL: none */
  size_t size;                    /* of data */
  double number[SR_FS_NUMBERS];   /* a mode, ids, times; NaN where none was given */

  /* What comes of it. */
  int status;          /* 0, or libuv's */
  const char *syscall; /* that failed */
  SrFsHandle handle;   /* of a file that was opened */
  char *text;          /* from malloc, or NULL */
  size_t length;       /* of it */
  char *second;        /* another one */
  uv_stat_t stat;
  bool is_cached; /* the system can tell what it has of it in memory */
  char bytes[];
};

/* Whether a number was given, and which. */
bool sr_fs_is_given(const SrFsCall *call, int index);
int sr_fs_integer(const SrFsCall *call, int index, int otherwise);

/* In a thread: how a call of the system went; the first failure counts. True: well. */
bool sr_fs_went(SrFsCall *call, const char *syscall, ptrdiff_t result);

/* Pushes what most operations return: true. [-0, +1, -] */
int sr_fs_push_true(lua_State *L, SrFsCall *call);
/* Pushes the text. [-0, +1, m] */
int sr_fs_push_text(lua_State *L, SrFsCall *call);
/* When it was changed, in seconds. */
double sr_fs_mtime(const uv_stat_t *stat);
/* Pushes the table of a stat. [-0, +1, m] */
void sr_fs_push_stat(lua_State *L, const uv_stat_t *stat);
/* Pushes a SystemError. [-0, +1, m] */
void sr_fs_push_failure(lua_State *L, int status, const char *syscall, const char *path, const char *dest);

/* Adds function(path, dest, data, number...) for each act of a list to the table on top; it ends with one that is empty. */
void sr_fs_add_acts(lua_State *L, const SrFsAct *acts);
/* [-0, +0, m] */
void sr_fs_open_call(lua_State *L);

#endif
