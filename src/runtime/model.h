/* SPDX-License-Identifier: MIT */
/*
** What the runtime is about, as structs: classes and objects, timers, scopes and blocks, waiters and what they wait
** for, futures, tasks. They know of each other, so they stand together; what a runtime has beside them is in state.h.
*/
#ifndef SR_MODEL_H
#define SR_MODEL_H

#include <saros.h>
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

/* --- time ------------------------------------------------------------------- */

/* The part of saros_timer that every deadline has. A sleeping task has this only. */
typedef struct SrTimer {
  unsigned position; /* place in the heap, from 1; 0 when idle */
  unsigned order;    /* who was armed first; the lowest bit tells a task's sleep from a saros_timer */
} SrTimer;

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
  uint32_t source;      /* where it was made: see place.h */
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
  lua_State *co;         /* in which it was opened */
  saros_timer timer;     /* the deadline of a timeout, the limit of a shield */
  double seconds;        /* what the timer was last set to; HUGE_VAL for none */
  int64_t deadline;      /* when it is, or was, to fire; INT64_MAX for never */
  uint64_t serial;       /* unlike that of every other block: marks its CancelledErrors */
  uint32_t running;      /* tasks that it owns, and whatever else it waits for, that have not ended */
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
  bool joins; /* waits for the tasks that the innermost block of the task owns */
  bool lasts; /* what it waits for is there until it is left, whatever becomes of the coroutine: see sr_is_lost */
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
  SR_LOST,    /* was to go on, but its coroutine was closed meanwhile: it is about to end */
  SR_ENDED
} SrState;

/*
** What can be awaited. User value 1 holds its result; a table of results if there are more;
** the failure box if it failed; the CancelledError if it was cancelled.
** Of a task that has not ended: the function to run, later the coroutine in which it is.
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
  lua_State *resumer;        /* that resumed it last, and goes on once it is left; NULL: none */
  uint64_t entered;          /* of such a task: blocks opened since it was resumed have a higher serial */
  unsigned run;              /* of the task to which it belongs: the run, */
  uint32_t slot, id;         /* the number among the live ones, and the id; 0: it belongs to none */
  bool is_own;               /* no such coroutine, but that in which a task runs */
  bool is_closing;           /* its yield raises */
  bool is_dead;
  bool has_failed; /* what it was left with is an error; once it is dead, one that `close` has yet to tell */
} SrCoroutine;

/* What holds the coroutines that a task is in. Each of async.coroutine's holds that of its resumer. */
typedef enum SrMooring {
  SR_POOLED, /* the pool: it is its own */
  SR_ADRIFT, /* the stack of `base`: there is no place in the pool, and it has not been parked yet */
  SR_MOORED, /* user value 1 of the handle, which is that of SrTask.co */
  SR_MOVED   /* the same, but it has gone into or out of one since: that is to be put right when it is parked */
} SrMooring;

struct SrTask {
  SrFuture future;
  SrScope scope;   /* the task as a scope, below what owns it */
  SrWaiter waiter; /* its place in the ready queue, or in what it waits for */
  union {
    void *object;   /* what it waits for: the kind's own; of a lost one the next of those */
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
  uint16_t raised;       /* cancellations raised in it, up to a limit */
  uint16_t place;        /* of its coroutine in the pool; 0: none */
  bool has_locals;       /* the anchor has its task locals: see locals.h */
  uint8_t mooring : 2;   /* SrMooring */
  uint8_t is_unseen : 1; /* a child that began later, whose handle nobody has been given yet: see starter.h */
  uint8_t seen : 3;      /* in a search for a cycle: the side that came here, else 0 */
};

/* SrTask.nargs of a task whose function its block pushes. */
enum { SR_BY_BLOCK = UINT16_MAX };

#endif
