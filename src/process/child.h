/* SPDX-License-Identifier: MIT */
/* A child process, from its start to its end. */
#ifndef SR_PROCESS_CHILD_H
#define SR_PROCESS_CHILD_H

#include "process/process.h"

typedef struct SrProcessWaiter SrProcessWaiter;

/*
** Two own it, the userdata and libuv; the last to let go frees it. libuv has it until the handle is closed, which is
** when the child has ended.
*/
struct SrProcessChild {
  union {
    uv_handle_t any;
    uv_process_t process; /* libuv has started it */
    uv_poll_t poll;       /* we have: of `end` */
  } handle;
  int end;                 /* a descriptor that can be read from once it has ended; -1: libuv tells that */
  saros_resource resource; /* open as long as the child lives */
  SrProcessContext *context;
  SrProcessChild *next, *prev; /* in the list of the context, as long as it lives */
  SrProcessWaiter *waiters;    /* a ring of the tasks that wait for its end */
  int pid;
  bool is_group;  /* it leads a group of its own, which signals go to */
  bool has_group; /* there may be somebody left in it */
  bool has_exited;
  bool is_owned;  /* by the userdata */
  bool is_libuvs; /* its handle is not closed yet */
  int exit_code;
  int signal; /* that ended it, or 0 */
};

/* What Lua has of it. */
typedef struct SrProcessBox {
  const SrIoClass *cls;
  SrProcessChild *child;        /* NULL until it has started */
  int ends[SR_PROCESS_STREAMS]; /* the child's ends of its pipes before it has; -1: none */
} SrProcessBox;

/* Pushes a box without a child. [-0, +1, m] */
SrProcessBox *sr_process_push_box(lua_State *L);
/* Closes the child's ends of the pipes, which it has itself by now. */
void sr_process_close_ends(SrProcessBox *box);
/* Starts a child and gives it to the box. 0 or a status. */
int sr_process_start(lua_State *L, SrProcessContext *context, SrProcessBox *box, uv_process_options_t *options);

#endif
