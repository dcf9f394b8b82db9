/* SPDX-License-Identifier: MIT */
/* What the files of saros.process.core give to module.c and to each other. */
#ifndef SR_PROCESS_H
#define SR_PROCESS_H

#include "base/shared.h"
#include "io/object.h"

/* The functions of streams; set when the module is opened. */
extern const saros_stream_api *sr_process_streams;

enum { SR_PROCESS_STREAMS = 3 }; /* standard input, output and error */

typedef struct SrProcessChild SrProcessChild;

/* What all of a Lua state share. */
typedef struct SrProcessContext {
  saros_runtime *runtime;
  lua_State *main;                        /* the coroutine that lives as long as the state */
  SrProcessChild *children;               /* those that live, newest first */
  saros_resource run;                     /* open during a run from the first use of a standard stream on */
  unsigned runs;                          /* how many of these have ended */
  unsigned closed_in[SR_PROCESS_STREAMS]; /* what `runs` was when the program closed that standard stream */
  char room[65536];                       /* what the system gives is read into it first */
} SrProcessContext;

/* Makes the context of this state, or finds it. [-0, +0, m] */
SrProcessContext *sr_process_context(lua_State *L);
/* The loop of the present run; raises if there is none. [-0, +0, v] */
uv_loop_t *sr_process_check_loop(lua_State *L, const char *function);

/*
** A transport over a descriptor of our own, such as the end of a pipe, which it closes even if it fails. NULL: no
** memory. [-0, +0, m]
*/
saros_transport *sr_process_transport(SrProcessContext *context, int fd);
/* The same over standard input, output or error: it outlives runs, and what was written is out when one ends. */
saros_transport *sr_process_standard_transport(SrProcessContext *context, int number);
/* The descriptor that a stream stands on; -1 if there is none that a child could use. */
int sr_process_descriptor(saros_stream *stream);

/* Functions for lua/saros/process; their arguments come checked. */
int sr_process_l_spawn(lua_State *L);
int sr_process_l_standard(lua_State *L);

/* The class of children. [-0, +0, m] */
void sr_process_open_child(lua_State *L);

#endif
