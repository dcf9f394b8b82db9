/* SPDX-License-Identifier: MIT */
/*
** The state of the runtime: its struct, the keys of what it keeps in the registry, numbers and values that belong to
** addresses, protected calls. Every other file of the runtime works on these and stands above this one.
*/
#ifndef SR_STATE_H
#define SR_STATE_H

#include <signal.h>

#include "runtime/model.h"

/* --- functions -------------------------------------------------------------- */

/* Every C function of saros is a closure over these upvalues. */
enum {
  SR_UP_RUNTIME = 1, /* light userdata: the SrRuntime */
  SR_UP_LIVE,        /* table: slot to handle, of every task that has not ended */
  SR_UP_TASK_META,   /* metatable of tasks */
  SR_UP_HANDLER,     /* message handler that records tracebacks */
  SR_UP_BODY,        /* what a coroutine of the pool runs */
  SR_UP_COUNT = SR_UP_BODY
};

/* --- time ------------------------------------------------------------------- */

typedef struct SrDeadline {
  int64_t at; /* nanoseconds on the clock */
  SrTimer *timer;
} SrDeadline;

typedef struct SrClock {
  SrDeadline *heap;                 /* 4-ary, heap[1] is the earliest */
  void (*on_slept)(SrTimer *timer); /* a task's sleep is over */
  unsigned count, capacity;
  unsigned order; /* of the timer armed last */
  /* Keeps the loop from waiting; NULL while tasks are ready or it does not wait anyhow. See sr_ready. */
  void (*hurry)(struct SrClock *clock);
  bool is_virtual;     /* see clock.h */
  int64_t virtual_now; /* nanoseconds */
} SrClock;

/* --- places ----------------------------------------------------------------- */

enum {
  SR_LASTING_SOURCES = 1024,
  /*
  ** Of a place that has not been asked for yet. That of a block is where its task stands: in the C function that has
  ** opened it and is to close it, and calls no Lua in between. That of a child is its block's: it asks before it leaves.
  */
  SR_ASKED_LATER = INT32_MAX
};

typedef struct SrSource {
  char *name; /* NULL: the number is free */
  uint32_t hash;
  bool kept; /* while it is found out which are in use */
} SrSource;

typedef struct SrSources {
  SrSource *list;    /* by number, from 1 */
  uint32_t *buckets; /* numbers by hash, 0: empty; at least half of them are */
  unsigned top;      /* the highest number given so far */
  unsigned capacity; /* of the list; there are twice as many buckets */
  unsigned count;    /* numbers in use */
  unsigned limit;    /* of names, before it is looked which are still in use */
  unsigned hint;     /* at or below the lowest number that is free, if one below the highest is */
  unsigned last;     /* the number found last: mostly the next one too */
} SrSources;

/* --- the runtime ------------------------------------------------------------ */

/* Numbers for things that come and go; the lowest that are free are used again. */
typedef struct SrSlots {
  uint32_t *given_back; /* a stack, with room for every number handed out so far */
  uint32_t count;       /* on that stack */
  uint32_t capacity;
  uint32_t top; /* the highest number handed out */
} SrSlots;

/* The handles that the runtime itself keeps on the loop. They may outlive the Lua state. */
typedef struct SrPoller {
  uv_timer_t timer;  /* wakes the loop for the next deadline */
  uv_async_t signal; /* wakes it when Ctrl-C was pressed */
  int open;          /* handles not closed yet; the last frees */
} SrPoller;

/* The tasks that are ready to run, and children that have yet to become tasks. */
typedef struct SrReadyQueue {
  SrWaiter *first, *last; /* from the oldest on linked by next, and by prev up to the second */
  unsigned count;         /* with children that have not begun */
  unsigned in_turn;       /* those that have not had their step in this turn */
  unsigned unbegun;       /* children that have not begun */
  SrTask *lost;           /* those that are, linked by `object` */
  SrWaiter *spares;       /* of tasks that have ended, of which nobody knows, for children that begin; linked by next */
  unsigned spare_count;   /* of those */
  /* Makes tasks of all children that have not begun: somebody wants to see them. [-0, +0, m] */
  void (*begin_all)(lua_State *L, struct SrRuntime *rt);
} SrReadyQueue;

/* Cancellations that are being handed down: see scope.c. */
typedef struct SrWalks {
  SrScope *first;              /* the cancelled scopes below which that is under way, the present one first */
  SrScope *fresh, *last_fresh; /* those that were cancelled by the present step of it, in this order */
} SrWalks;

/* The memory of blocks. */
typedef struct SrBlocks {
  SrBlock **all; /* every block of this run, to be freed at its end */
  unsigned count, capacity;
  SrBlock *free;         /* those that are not in use, linked by next_free */
  uint64_t last_serial;  /* of the block opened last */
  uint64_t freed_serial; /* of the last block whose memory is gone */
} SrBlocks;

/* A coroutine of the pool that waits for a task. */
typedef struct SrIdle {
  lua_State *co;
  uint32_t place;
} SrIdle;

/* The coroutines of the pool are in a table under SR_POOL_INDEX. */
typedef struct SrPool {
  SrIdle *idle;   /* a stack of those that wait for a task, with room for all */
  unsigned count; /* on that stack */
  unsigned capacity;
  SrSlots places;  /* of all in the table */
  unsigned least;  /* that there have been since it was trimmed: so many were never needed */
  int64_t trimmed; /* when that was, in nanoseconds */
} SrPool;

typedef struct SrGuest SrGuest; /* see guest.c */
typedef struct SrGate SrGate;   /* see port.c */
/* A handle that keeps the run from a deadlock as long as somebody stands in a ring. */
typedef struct SrVigil {
  struct SrVigil *next;
  uv_handle_t *handle;
  SrWaiter **ring;
} SrVigil;

/* The loop of a run. */
typedef struct SrLoop {
  uv_loop_t *uv;       /* of the run, or NULL */
  uv_loop_t *borrowed; /* the host's, or NULL */
  bool is_adopted;     /* that is another library's of the same script: Ctrl-C is ours */
  uv_loop_t own;
  SrPoller *poller;
  SrGate *gate;                        /* to the loop from other threads, NULL: nobody needs it yet */
  SrGuest *guest;                      /* NULL unless the host's own turns of the loop work the run */
  void (*leave)(struct SrRuntime *rt); /* closes what the guest has */
  SrVigil *vigils;
  unsigned steps;  /* since the loop was polled last, or would have been */
  unsigned unseen; /* those before, if it was not */
  int64_t polled;  /* when that was, in nanoseconds */
} SrLoop;

/* Ctrl-C: see interrupt.c. */
typedef struct SrInterrupt {
  volatile sig_atomic_t is_pending; /* it came and has not been raised yet */
  SrRuntime *next_owner;            /* of SIGINT, in the process */
  uv_thread_t thread;               /* in which the run is */
  bool is_left;                     /* runs leave SIGINT alone */
  bool is_taken;                    /* the run is among the owners */
  bool is_told;                     /* of the first Ctrl-C */
  bool is_nudged;                   /* that was sent on to its thread and has not come there yet */
} SrInterrupt;

/* A signal that asks for the tree of tasks: see inquiry.c. */
typedef struct SrInquiry {
  volatile sig_atomic_t is_pending; /* it has come, and has not been answered yet */
  bool is_open;                     /* this run answers it */
  lua_Hook hook;                    /* that the coroutine had which the signal found running, */
  int mask, count;                  /* and its two numbers */
} SrInquiry;

typedef struct SrTesting {
  bool is_on;         /* leftovers are failures */
  int64_t limit;      /* real nanoseconds that a run may take, 0: any */
  int64_t overdue;    /* when the present one will have taken that */
  bool is_scheduled;  /* the registry holds a function that chooses who runs next, under sr_scheduler_key */
  bool begins_late;   /* children begin at their turn then, too */
  SrWaiter *settlers; /* tasks in testing.settle */
} SrTesting;

typedef struct SrDebug {
  bool is_on;           /* warnings are */
  bool is_recording;    /* somebody is told of each step, see record.h */
  bool is_watching;     /* one of these two: steps are looked at */
  int64_t began;        /* when the step that runs did, on the runtime's clock, if it is recorded, */
  uint32_t owner;       /* and the id of the task in which its own is, 0: none */
  int64_t slow;         /* nanoseconds a step may take */
  int64_t step_started; /* when the step that runs did */
  int64_t step_slow;    /* after so many nanoseconds it was found to be slow; 0: not yet */
  bool step_warned;     /* it has been warned of before its end */
} SrDebug;

/* Where things were made: see place.h. */
typedef struct SrPlaces {
  SrSources sources;
  char *home; /* what the names of our own Lua sources begin with, or NULL */
  size_t home_length;
} SrPlaces;

struct SrRuntime {
  SrTask *current;   /* the task that runs, or NULL */
  lua_State *base;   /* the coroutine in which `run` was called: tasks run on top of it */
  SrTask *main_task; /* of the run, until it has ended */
  SrReadyQueue ready;
  SrClock clock;
  SrScope root;     /* of the run */
  bool is_running;  /* there is a run */
  bool is_closing;  /* main has ended; the rest is cancelled */
  unsigned runs;    /* counts them */
  unsigned turn;    /* counts drains of the ready queue */
  uint32_t last_id; /* of the task spawned last */
  int given;        /* arguments of the last call of a function written in Lua: see sr_l_entry */
  SrSlots live;     /* numbers of live tasks */
  SrWalks walks;
  SrBlocks blocks;
  SrPool pool;
  SrLoop loop;
  saros_resource *resources; /* open ones, newest first */
  SrInterrupt interrupt;
  SrInquiry inquiry;
  SrPlaces places;
  lua_Integer failures; /* number of the newest failure box */
  SrDebug debug;
  SrTesting testing;
};

extern const char sr_anchor_key, sr_origin_key, sr_names_key, sr_places_key, sr_failures_key, sr_live_key,
    sr_scheduler_key, sr_module_key, sr_coroutines_key;

/*
** Where the registry has it, "saros", and what else is looked up all the time. An integer is found faster than an
** address, of which it has many; luaL_ref gives small ones.
*/
#define SR_RUNTIME_INDEX 0x7361726f73
#define SR_POOL_INDEX (SR_RUNTIME_INDEX + 1)
#define SR_PROTECTED_INDEX (SR_RUNTIME_INDEX + 2)
#define SR_LIST_INDEX (SR_RUNTIME_INDEX + 3)
/* The runtime, from anywhere. */
SrRuntime *sr_find_runtime(lua_State *L);

/* A variable of which each thread has its own. glibc keeps room for some that are reached without a call. */
#if defined(__GLIBC__)
#define SR_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define SR_THREAD_LOCAL _Thread_local
#endif

/* The runtime that runs a step in this thread, or NULL. */
extern SR_THREAD_LOCAL SrRuntime *sr_stepping;

/* The runtime if this is the coroutine in which its task runs, else NULL. */
static inline SrRuntime *sr_rt_of_task(const lua_State *L) {
  SrRuntime *rt = sr_stepping;
  return rt != NULL && rt->current != NULL && rt->current->co == L ? rt : NULL;
}

/* The runtime, from inside one of saros' own C functions. */
static inline SrRuntime *sr_rt(lua_State *L) {
  SrRuntime *rt = sr_rt_of_task(L);
  return rt != NULL ? rt : (SrRuntime *)lua_touserdata(L, lua_upvalueindex(SR_UP_RUNTIME));
}

/* The same as sr_find_runtime, without a look-up for the task that runs. */
static inline SrRuntime *sr_runtime_here(lua_State *L) {
  SrRuntime *rt = sr_rt_of_task(L);
  return rt != NULL ? rt : sr_find_runtime(L);
}

/*
** The task whose code runs, or NULL. One that has ended has none any more, but finalizers may still run on its
** coroutine while its block hears of that.
*/
static inline SrTask *sr_current_task(const SrRuntime *rt) {
  return rt->current != NULL && rt->current->future.state != SR_ENDED ? rt->current : NULL;
}

/* --- numbers, and values that belong to addresses ---------------------------- */

/* A number that is free. It is not taken until sr_slots_commit. False: no memory. */
bool sr_slots_peek(SrSlots *slots, uint32_t *number);
/* Takes the number that sr_slots_peek gave. */
static inline void sr_slots_commit(SrSlots *slots) {
  if (slots->count > 0)
    slots->count--;
  else
    slots->top++;
}
static inline void sr_slots_give(SrSlots *slots, uint32_t number) {
  slots->given_back[slots->count++] = number;
}
void sr_slots_free(SrSlots *slots);

/*
** The anchor: values that belong to a C address, such as the reason of a cancelled scope.
** [-1, +0, m] and [-0, +1, -]
*/
void sr_anchor_set(lua_State *L, const void *key);
void sr_anchor_get(lua_State *L, const void *key);
/* Pushes the table that the anchor keeps under `key`; makes it if there is none. [-0, +1, m] */
void sr_anchor_table(lua_State *L, const void *key);

/* What async.coroutine keeps of this coroutine, or NULL: it is none of those. [-0, +0, -] */
SrCoroutine *sr_find_coroutine(lua_State *L, lua_State *co);

/* --- protected calls -------------------------------------------------------- */

/*
** Calls `function` with the `nargs` values on top in protected mode, as a closure over the usual
** upvalues, and without a need for memory. False: it raised; then nothing is left on the stack,
** else `nresults` values. [-nargs, +(nresults|0), -]
*/
bool sr_protected(lua_State *L, lua_CFunction function, int nargs, int nresults);
/* What that calls by way of: the runtime keeps it under SR_PROTECTED_INDEX, with the usual upvalues. */
int sr_l_protected(lua_State *L);
/* Pushes Lua's own memory error, which is there before memory runs out. [-0, +1, -] */
static inline void sr_push_memory_error(lua_State *L) {
  lua_pushliteral(L, "not enough memory");
}

#endif
