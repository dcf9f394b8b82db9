/* SPDX-License-Identifier: MIT */
/*
** The Lua state of a worker thread: it stays, with the modules that were loaded, from job to job; each job finds the
** globals and the standard library as they were at first.
*/
#ifndef SR_THREAD_STATE_H
#define SR_THREAD_STATE_H

#include <lua.h>
#include <signal.h>

#include "saros.h"
#include "thread/message.h"

/* How a job came out. */
typedef enum SrThreadOutcome {
  SR_THREAD_OK,       /* the answer has its results */
  SR_THREAD_FAILED,   /* the answer has its error, and the traceback, or nil */
  SR_THREAD_NO_MEMORY /* there is no answer */
} SrThreadOutcome;

/* A function that is called by many jobs, in several threads at once. */
typedef struct SrThreadFunction {
  SrThreadMessage message; /* the function alone */
  bool keeps_errors;       /* an item that fails does not end its chunk */
} SrThreadFunction;

/* What is to be done, and what came of it. */
typedef struct SrThreadTask {
  SrBuffer paths;             /* package.path and package.cpath, each with its NUL */
  SrThreadMessage call;       /* a function and its arguments; or, with `function`, the first index and items */
  SrThreadFunction *function; /* called for each item: the answer is results, errors, seconds and how many; or NULL */
  SrThreadMessage answer;
  SrThreadOutcome outcome;
} SrThreadTask;

/* One of a thread. Zeroed before its first use; it belongs to the thread alone. */
typedef struct SrThreadState {
  lua_State *L;       /* NULL: it has none */
  lua_State *running; /* the coroutine that runs, NULL: L itself */
  const saros_api *saros;
  saros_runtime *rt;     /* of L, NULL: it is not there yet */
  SrThreadMessage trial; /* a result is packed in it to see whether it can be */
  int idle_kilobytes;    /* of memory when it was last swept */
  volatile sig_atomic_t is_interrupted;
  bool is_spoilt;    /* what is loaded in it does not work any more */
  int rounds, burst; /* how often this job was interrupted, and how often more at once */
} SrThreadState;

/* Does it, in the state, which is made if there is none. */
void sr_thread_state_run(SrThreadState *state, SrThreadTask *task);

/* Makes the Lua code that runs raise an error, as a signal handler may do in the thread. */
void sr_thread_state_interrupt(SrThreadState *state);
/* Nothing has interrupted what comes next. */
void sr_thread_state_begin(SrThreadState *state);

/* After a job, when nobody waits for the thread: gives back memory. */
void sr_thread_state_rest(SrThreadState *state);
void sr_thread_state_close(SrThreadState *state);

#endif
