/* SPDX-License-Identifier: MIT */
/*
** The runtime: one for each Lua state. Owns the ready queue, the clock, the pool of
** coroutines and, during a run, the loop.
**
** Invariant: Lua runs between two calls of uv_run, never inside one, so no Lua error
** can cross libuv and lua_close finds no libuv frame below it.
*/
#ifndef SR_RUNTIME_H
#define SR_RUNTIME_H

#include <signal.h>

#include "runtime/task.h"

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

struct SrRuntime {
  SrTask *current;   /* the task that runs, or NULL */
  lua_State *base;   /* the coroutine in which `run` was called: tasks run on top of it */
  SrTask *main_task; /* of the run, until it has ended */
  SrWaiter *ready;   /* oldest of the ready queue, linked by next */
  SrWaiter *newest;
  unsigned ready_count;
  unsigned in_turn;                /* those of the ready queue that have not had their step in this turn */
  unsigned runs;                   /* counts runs */
  unsigned hops;                   /* tasks looked at in the present search for a cycle */
  const SrTask *via;               /* the one by way of which it was found */
  volatile sig_atomic_t interrupt; /* Ctrl-C came and has not been raised yet */
  SrClock clock;
  SrScope root;        /* of the run */
  uv_loop_t *loop;     /* of the run, or NULL */
  uv_loop_t *borrowed; /* the host's, or NULL */
  uv_loop_t own;
  SrPoller *poller;
  bool is_running;
  bool is_closing;   /* main has ended; the rest is cancelled */
  bool is_testing;   /* leftovers are failures */
  int64_t limit;     /* of tests: real nanoseconds that a run may take, 0: any */
  int64_t overdue;   /* when the present one will have taken that */
  bool is_scheduled; /* the registry holds a function that chooses who runs next, under sr_scheduler_key */
  unsigned steps;    /* since the loop was polled last */
  int64_t polled;    /* when that was, in nanoseconds */
  unsigned turn;     /* counts drains of the ready queue */
  SrSlots live;      /* numbers of live tasks */
  unsigned idle_count, idle_capacity; /* of the pool of coroutines */
  uint32_t last_id;                   /* of the task spawned last */
  uint64_t last_serial;               /* of the block opened last */
  uint64_t freed_serial;              /* of the last block whose memory is gone */
  SrBlock *free_blocks;               /* linked by task */
  SrBlock **all_blocks;               /* every block of this run, to be freed at its end */
  unsigned block_count, block_capacity;
  SrWaiter *settlers;        /* tasks in testing.settle */
  saros_resource *resources; /* open ones, newest first */
  char **sources;            /* names of source files, by number: see sr_place */
  unsigned source_count;
  char *home; /* what the names of our own Lua sources begin with, or NULL */
  size_t home_length;
  unsigned last_source; /* the number found last: mostly the next one too */
  bool debug;           /* warnings are on */
  int64_t slow;         /* nanoseconds a step may take in debug mode */
  int64_t step_started; /* of the step that runs, in debug mode */
  bool step_warned;     /* it has been warned of */
  lua_Integer failures; /* number of the newest failure box */
};

extern const char sr_vault_key, sr_origin_key, sr_names_key, sr_failures_key, sr_idle_key, sr_live_key,
    sr_scheduler_key, sr_module_key, sr_protected_key;

/* The runtime, from inside one of saros' own C functions. */
static inline SrRuntime *sr_rt(lua_State *L) {
  return (SrRuntime *)lua_touserdata(L, lua_upvalueindex(SR_UP_RUNTIME));
}
/* The runtime, from anywhere. */
SrRuntime *sr_find_runtime(lua_State *L);

/* The calling task; raises, naming the function and the reason, where nobody can wait. [-0, +0, v] */
static inline SrTask *sr_check_wait_in(lua_State *L, SrRuntime *rt, const char *function) {
  SrTask *t = rt->current;
  if (t == NULL || t->co != L || !lua_isyieldable(L)) sr_place_error(L, rt, function);
  return t;
}

static inline SrTask *sr_check_wait(lua_State *L, const char *function) {
  return sr_check_wait_in(L, sr_rt(L), function);
}

/* Puts a task at the end of the ready queue. */
static inline void sr_ready(SrRuntime *rt, SrTask *t) {
  t->waiter.next = NULL;
  if (rt->newest == NULL)
    rt->ready = &t->waiter;
  else
    rt->newest->next = &t->waiter;
  rt->newest = &t->waiter;
  rt->ready_count++;
}

static inline SrTask *sr_task_of(SrWaiter *waiter) {
  return SR_CONTAINER(waiter, SrTask, waiter);
}

/* Takes the oldest of the ready queue, which is not empty. */
static inline SrTask *sr_take_ready(SrRuntime *rt) {
  SrTask *t = sr_task_of(rt->ready);
  rt->ready = t->waiter.next;
  if (rt->ready == NULL) rt->newest = NULL;
  rt->ready_count--;
  return t;
}

/* Whether the next await of this task has to raise. */
static inline bool sr_is_cancelled(const SrTask *t) {
  return t->current->cause != NULL || (t->rt->interrupt && sr_is_interrupted(t));
}

/* Takes a task out of the ready queue, wherever it stands. */
void sr_unready(SrRuntime *rt, SrTask *t);

/* In a continuation: whether what was waited for is there. [-0, +0, v] */
static inline bool sr_was_woken(lua_State *L, SrTask *t) {
  if (t->future.state != SR_RUNNING) sr_refuse_stray(L, t);
  return t->future.outcome == SR_WOKEN;
}

/* Awaits in a row that may return without a turn of the others. */
enum { SR_BUDGET = 256 };

/* Whether an await that need not wait has to give the others a turn all the same. */
static inline bool sr_is_spent(SrTask *t) {
  return --t->budget == 0;
}

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
** The vault: values that belong to a C address, such as the reason of a cancelled scope.
** [-1, +0, m] and [-0, +1, -]
*/
void sr_vault_set(lua_State *L, const void *key);
void sr_vault_get(lua_State *L, const void *key);

/*
** Calls `function` with the `nargs` values on top in protected mode, as a closure over the usual
** upvalues, and without a need for memory. False: it raised; then nothing is left on the stack,
** else `nresults` values. [-nargs, +(nresults|0), -]
*/
bool sr_protected(lua_State *L, lua_CFunction function, int nargs, int nresults);
/* Pushes Lua's own memory error, which is there before memory runs out. [-0, +1, -] */
static inline void sr_push_memory_error(lua_State *L) {
  lua_pushliteral(L, "not enough memory");
}

/*
** Pushes the table of functions. The first time it makes the runtime of this Lua state and has `init` fill
** the table; whoever loads the module again gets the same one. [-0, +1, v]
*/
int sr_open_runtime(lua_State *L, lua_CFunction init);

/* run(main, ...), now() */
int sr_l_run(lua_State *L);
int sr_l_now(lua_State *L);
/* What saros.testing is made of: run(fn) on a virtual clock, settle() */
int sr_l_test_run(lua_State *L);
int sr_l_settle(lua_State *L);
/* test_limit(seconds): how long, by a real clock, a test may run before main is told */
int sr_l_test_limit(lua_State *L);

#endif
