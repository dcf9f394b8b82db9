/* SPDX-License-Identifier: MIT */
/*
** The state of the runtime: its structs, the keys of what it keeps in the registry, numbers and values that belong to
** addresses, protected calls. Every other file of the runtime works on these and stands above this one.
*/
#ifndef SR_STATE_H
#define SR_STATE_H

#include <saros.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SrRuntime SrRuntime;
typedef struct SrTask SrTask;
typedef struct SrFuture SrFuture;
typedef struct SrScope SrScope;
typedef struct SrBlock SrBlock;
typedef struct SrWaiter SrWaiter;

#define SR_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* --- classes ---------------------------------------------------------------- */

typedef struct SrClass {
  const char *name;                      /* as messages and tostring show it: "semaphore" */
  const struct SrSelectable *selectable; /* how `select` takes from it, NULL: it cannot. See selectable.h */
} SrClass;

typedef struct SrObject {
  const SrClass *cls;
} SrObject;

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

/* The part of saros_timer that every deadline has. A sleeping task has this only. */
typedef struct SrTimer {
  unsigned position; /* place in the heap, from 1; 0 when idle */
  unsigned order;    /* who was armed first; the lowest bit tells a task's sleep from a saros_timer */
} SrTimer;

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
  bool is_virtual;     /* see the invariant above */
  int64_t virtual_now; /* nanoseconds */
} SrClock;

/* --- places ----------------------------------------------------------------- */

enum { SR_LASTING_SOURCES = 1024 };

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

/* --- scopes ----------------------------------------------------------------- */

typedef enum SrScopeKind {
  SR_SCOPE_RUN,     /* the root of a run */
  SR_SCOPE_TASK,    /* a task as a whole */
  SR_SCOPE_TIMEOUT, /* a block with a deadline */
  SR_SCOPE_GROUP,   /* a block that owns tasks */
  SR_SCOPE_SHIELD,  /* a block that outer cancellation does not reach */
  SR_SCOPE_JOIN     /* a combinator: owns the tasks it started */
} SrScopeKind;

struct SrScope {
  SrScope *parent;      /* where it hangs; NULL for the run */
  SrScope *children;    /* first of a ring, in order of entry */
  SrScope *next, *prev; /* its place in the parent's ring */
  SrScope *cause;       /* the outermost cancelled scope that reaches here, or NULL */
  uint8_t kind;         /* SrScopeKind */
  bool cancelled;       /* cancelled itself */
  uint32_t source;      /* where it was made: see sr_place */
  int32_t line;
  SrScope *queued; /* in a list of work: what comes after this one */
  union {
    SrScope *cursor;       /* of the walk that begins at this scope: where it goes on */
    SrScope *reached_from; /* of a task in a search for a cycle: the one that led to it */
  };
};

/* What a scope inside a task does when a task that it owns has ended. */
typedef struct SrBlockOps {
  const char *name; /* as messages show it: "timeout" */
  /* A child has ended; its handle, with its results or its error, is at index 1 of L; `index` is its number here. */
  void (*child_ended)(SrBlock *block, lua_State *L, SrTask *child, uint32_t index);
  /* A child has ended and child_ended raised, or could not be called: there is no memory. Must not raise. */
  void (*child_lost)(SrBlock *block);
  /*
  ** Of a block whose children may begin later, see starter.h: pushes the function of a child and its arguments; returns
  ** how many those are. [-0, +n, -]
  */
  int (*push_call)(SrBlock *block, lua_State *L, uint32_t index);
  /*
  ** Such a child, of which nobody knows, has run to its end; its results stand from `first` on. False: it is to end as
  ** any other task. Else it has ended by sr_vacate; nothing may fail after that. [-0, +0, m]
  */
  bool (*child_done)(SrBlock *block, lua_State *L, SrTask *child, int first);
  /* The block is being left: let go of what it holds. May be NULL; L is NULL when the Lua state goes. */
  void (*dispose)(lua_State *L, SrBlock *block);
} SrBlockOps;

/* A scope inside a task. Blocks of one task form a stack: SrTask.current is the innermost. */
struct SrBlock {
  SrScope scope;
  union {
    SrTask *task;       /* whose block it is */
    SrBlock *next_free; /* once it has been left and is not in use again */
  };
  const SrBlockOps *ops; /* NULL once it has been left */
  saros_timer timer;     /* the deadline of a timeout, the limit of a shield */
  double seconds;        /* what the timer was last set to; HUGE_VAL for none */
  int64_t deadline;      /* when it is, or was, to fire; INT64_MAX for never */
  uint32_t running;      /* tasks that it owns, and whatever else it waits for, that have not ended */
  uint64_t serial;       /* unlike that of every other block: marks its CancelledErrors */
  bool expired;          /* its deadline has cancelled it */
  bool failed;           /* the function that ran in it has raised */
  bool framed;           /* a C function of its task has yet to leave it: nobody else may */
};

/* The scope after `at` in a walk of the tree below `top`, parents first; below `at` only if `descend`. NULL: none. */
static inline SrScope *sr_next_scope(const SrScope *top, const SrScope *at, bool descend) {
  if (descend && at->children != NULL) return at->children;
  for (; at != top; at = at->parent)
    if (at->next != at->parent->children) return at->next;
  return NULL;
}

/* --- waiting ---------------------------------------------------------------- */

/*
** A link between tasks that wait for each other. It is zeroed before the first one; apart from `task` it belongs to the
** function that gives the next one.
*/
typedef struct SrLink {
  SrTask *task; /* at the other end, or NULL: there is none this time */
  const void *at;
  uint32_t index;
} SrLink;

/* Who waits for whom: what a search for cycles follows. Each gives the next link, and whether there may be more. */
typedef struct SrLinks {
  bool (*awaited)(const SrTask *t, SrLink *link);         /* from a task that waits in this way to what it waits for */
  bool (*waiting)(const SrWaiter *watcher, SrLink *link); /* from a watcher of a task to who waits by way of it */
  bool one_is_enough; /* it may go on before all that it owns have ended by themselves */
} SrLinks;

/* What a waiter waits for; one static struct for each kind. */
typedef struct SrKind {
  const char *name;                        /* shown in tracebacks, trees and reports: "semaphore" */
  const char *(*name_of)(const SrTask *t); /* where that is not the same for all of this kind; else NULL */
  /* Stop waiting. True: the task goes on at once; false: it is woken later, when what it joins has ended. */
  bool (*abort)(SrTask *t);
  /* The task will never go on: stop waiting. NULL: abort does, or its place among the watchers is given up. */
  void (*give_up)(SrTask *t);
  size_t ring; /* of sr_abort_in_ring: where in what the task waits for the ring begins in which it stands */
  /* The watched task or future has ended (only for waiters in SrFuture.watchers). Must not raise. */
  void (*ended)(lua_State *L, SrWaiter *waiter, SrFuture *target);
  bool joins;           /* waits for the tasks that the innermost block of the task owns */
  const SrLinks *links; /* to other tasks than those that it owns; NULL: it waits for none, or for one of several */
  /*
  ** It is no task's own waiter, but was taken out of a ring in its place: the task that is handed what the ring stood
  ** for. NULL for all others. Must not raise.
  */
  SrTask *(*claim)(SrWaiter *waiter);
  /* The task was handed what it waited for, but is closed by force before it could take it: pass it on. */
  void (*undo)(lua_State *L, SrTask *t);
} SrKind;

/* A place in a ring of waiters, in order of arrival. */
struct SrWaiter {
  union {
    struct {
      SrWaiter *next, *prev;
    };
    SrTimer timer; /* a sleeping task stands in the heap instead */
  };
  const SrKind *kind;
};

/*
** Children of a block that have not begun, with consecutive numbers. They stand in the ready queue as one: see
** starter.h.
*/
typedef struct SrStarter {
  SrWaiter waiter; /* the place there */
  SrBlock *block;
  uint32_t count; /* how many there are; 0: they do not stand there */
  uint32_t index; /* number in the block of the first one, */
  uint32_t id;    /* and the id that it is to have */
} SrStarter;

/* How a wait came to its end. */
typedef enum SrOutcome {
  SR_WOKEN,        /* what it waited for is there */
  SR_BY_CANCEL,    /* a scope around it was cancelled */
  SR_BY_INTERRUPT, /* Ctrl-C, at main's await */
  SR_BY_DEADLOCK   /* nothing could ever have woken main */
} SrOutcome;

/* --- tasks ------------------------------------------------------------------ */

typedef enum SrStatus { SR_PENDING, SR_DONE, SR_FAILED, SR_CANCELLED } SrStatus;

typedef enum SrState {
  SR_NEW,     /* in the ready queue, without a coroutine */
  SR_READY,   /* in the ready queue */
  SR_RUNNING, /* the one that runs */
  SR_PARKED,  /* waits */
  SR_ENDED
} SrState;

/*
** What can be awaited. User value 1 holds its result; a table of results if there are more;
** the failure box if it failed; the CancelledError if it was cancelled.
** Of a task that has not ended: the function to run, later the coroutine that runs it.
*/
struct SrFuture {
  SrObject head;
  SrWaiter *watchers; /* who waits for its end */
  union {
    uint32_t count; /* of results */
    uint32_t index; /* of a task that has not ended: its number in the block that owns it */
  };
  uint8_t status;     /* SrStatus */
  uint8_t state;      /* of a task: SrState */
  uint8_t outcome;    /* of a task: how its last wait ended, an SrOutcome */
  bool has_callbacks; /* functions were given to on_done: the anchor holds those of a task, under its address */
};

/*
** A coroutine of async.coroutine: see coroutine.h. The values of a weak table under sr_coroutines_key, by their thread.
** Those in which a task is form a chain, from SrTask.inner on.
*/
typedef struct SrCoroutine {
  lua_State *co;
  SrTask *task;              /* that is in it, be it further inside, or NULL */
  struct SrCoroutine *outer; /* of such a task: in which its resumer runs, or NULL */
  unsigned depth;            /* of such a task: how many lead to it, itself included */
  lua_State *resumer;        /* of such a task: the coroutine that goes on once this one is left */
  uint64_t entered;          /* of such a task: blocks opened since it was resumed have a higher serial */
  unsigned run;              /* of the task to which it belongs: the run, */
  uint32_t slot, id;         /* the number among the live ones, and the id; 0: it belongs to none */
  bool is_own;               /* no such coroutine, but that in which a task runs */
  bool is_closing;           /* its yield raises */
  bool is_dead;
  bool has_failed; /* what it was left with is an error; once it is dead, one that `close` has yet to tell */
} SrCoroutine;

struct SrTask {
  SrFuture future;
  SrScope scope;   /* the task as a scope, below what owns it */
  SrWaiter waiter; /* its place in the ready queue, or in what it waits for */
  union {
    void *object;   /* what it waits for: the kind's own */
    SrBlock *owner; /* at its end: the block that has to hear of it, or NULL */
  };
  lua_State *co;      /* the coroutine it is in, from the first step to the end: its own, or that of `inner` */
  SrCoroutine *inner; /* the innermost of async.coroutine's that it is in, or NULL */
  SrScope *current;   /* the innermost scope it is in */
  SrRuntime *rt;
  uint32_t slot; /* in the table of live tasks */
  uint32_t id;   /* counts tasks in spawn order */
  union {
    uint16_t budget; /* awaits left that need not wait */
    uint16_t nargs;  /* before the first step: arguments of its function, which the handle holds; or SR_BY_BLOCK */
  };
  uint16_t raised;  /* cancellations raised in it, up to a limit */
  bool is_anchored; /* it has been parked: user value 1 is its coroutine */
  bool has_locals;  /* the anchor has its task locals: see locals.h */
  bool is_unseen;   /* a child that began later, whose handle nobody has been given yet: see starter.h */
  uint8_t seen;     /* in a search for a cycle: the side that came here, else 0 */
};

/* SrTask.nargs of a task whose function its block pushes. */
enum { SR_BY_BLOCK = UINT16_MAX };

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

/* The coroutines that wait for a task; they are in a table under SR_IDLE_INDEX. */
typedef struct SrPool {
  unsigned count, capacity;
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
  unsigned steps; /* since the loop was polled last */
  int64_t polled; /* when that was, in nanoseconds */
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

/* The runtime, from inside one of saros' own C functions. */
static inline SrRuntime *sr_rt(lua_State *L) {
  return (SrRuntime *)lua_touserdata(L, lua_upvalueindex(SR_UP_RUNTIME));
}
/*
** Where the registry has it, "saros", and what else is looked up all the time. An integer is found faster than an
** address, of which it has many; luaL_ref gives small ones.
*/
#define SR_RUNTIME_INDEX 0x7361726f73
#define SR_IDLE_INDEX (SR_RUNTIME_INDEX + 1)
#define SR_PROTECTED_INDEX (SR_RUNTIME_INDEX + 2)
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

/* The same as sr_find_runtime, without a look-up for the task that runs. */
static inline SrRuntime *sr_runtime_here(lua_State *L) {
  SrRuntime *rt = sr_stepping;
  return rt != NULL && rt->current != NULL && rt->current->co == L ? rt : sr_find_runtime(L);
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
