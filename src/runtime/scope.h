/* SPDX-License-Identifier: MIT */
/*
** The tree of cancellation. A run, a task, a timeout, a group, a shield and a
** combinator are scopes; each hangs below the one it was made in.
**
** Invariant: scope->cause is the outermost cancelled scope that reaches this one, or
** NULL. It is kept by handing it down when a scope is cancelled or entered, so an await
** asks one pointer. A shield hands nothing down.
**
** A wait that is ended may cancel more: a gather cancels the tasks that it watches. How far that goes is up to the
** user, so nothing here calls itself: what is to be walked through stands in a list that is linked through the scopes.
*/
#ifndef SR_SCOPE_H
#define SR_SCOPE_H

#include <saros.h>

#include "runtime/object.h"

typedef struct SrRuntime SrRuntime;
typedef struct SrTask SrTask;
typedef struct SrScope SrScope;
typedef struct SrBlock SrBlock;

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
  SrScope *cursor; /* of the walk that begins at this scope: where it goes on */
};

/* What a scope inside a task does when a task that it owns has ended. */
typedef struct SrBlockOps {
  const char *name; /* as messages show it: "timeout" */
  /* A child has ended; its handle, with its results or its error, is at index 1 of L; `index` is its number here. */
  void (*child_ended)(SrBlock *block, lua_State *L, SrTask *child, uint32_t index);
  /* A child has ended and child_ended raised, or could not be called: there is no memory. Must not raise. */
  void (*child_lost)(SrBlock *block);
  /* The block is being left: let go of what it holds. May be NULL; L is NULL when the Lua state goes. */
  void (*dispose)(lua_State *L, SrBlock *block);
} SrBlockOps;

/* A scope inside a task. Blocks of one task form a stack: SrTask.current is the innermost. */
struct SrBlock {
  SrScope scope;
  SrTask *task;          /* whose block it is */
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

/* Hangs `scope` below `parent`, as its last child. */
void sr_scope_enter(SrScope *scope, SrScope *parent, SrScopeKind kind);
/* Takes it out of the tree. */
void sr_scope_exit(SrScope *scope);
/*
** Cancels a scope and all below it up to shields; tasks that wait in it are woken.
** Returns whether that was news.
*/
bool sr_scope_cancel(SrScope *scope);
/* The same with a reason, the value at `index`; the first reason stays. [-0, +0, m] */
bool sr_scope_cancel_reason(lua_State *L, SrScope *scope, int index);
/* Pushes the reason of a cancelled scope, or nil. [-0, +1, -] */
void sr_scope_push_reason(lua_State *L, const SrScope *scope);
/* Whether `inner` is `outer` or hangs below it. */
bool sr_scope_within(const SrScope *inner, const SrScope *outer);

/* Blocks of all kinds fit in this, so that their pool is one list. */
enum { SR_BLOCK_SIZE = 256 };
/* Whether a deadline is set for this scope or one around it. */
bool sr_scope_has_deadline(const SrScope *scope);
/* The nearest deadline, passed or not, that reaches this scope, in nanoseconds; INT64_MAX without one. */
int64_t sr_scope_deadline(const SrScope *scope);
/* Opens a block of `size` bytes (a struct that starts with SrBlock, zeroed) inside a task. [-0, +0, m] */
SrBlock *sr_block_open(lua_State *L, SrTask *t, SrScopeKind kind, const SrBlockOps *ops, size_t size);
/* Gives it a deadline, counted from now; HUGE_VAL takes it away. False when there is no memory. */
bool sr_block_deadline(SrBlock *block, double seconds);
/* The same for a block that was just opened: closes it if that fails. [-0, +0, m] */
void sr_block_start(lua_State *L, SrBlock *block, double seconds);
/*
** Leaves a block: it is dead afterwards. Blocks inside it that are still open were forgotten;
** they are abandoned, and the place of the outermost is pushed. Returns whether there was one. [-0, +(0|1), -]
*/
bool sr_block_close(lua_State *L, SrBlock *block);
/* Abandons the blocks inside it, which were forgotten. As sr_block_close. [-0, +(0|1), -] */
bool sr_block_close_inner(lua_State *L, SrBlock *block);
/* Raises unless this block can be left now: no C function is still inside one of its blocks. [-0, +0, v] */
void sr_block_check_leave(lua_State *L, const SrBlock *block, const char *function);
/* Abandons every block of a task that ends. As sr_block_close. [-0, +(0|1), -] */
bool sr_block_close_all(lua_State *L, SrTask *t);
/* The block if it is still the one with this serial, else NULL. */
SrBlock *sr_block_alive(const SrRuntime *rt, SrBlock *block, uint64_t serial);
/* Tells which sources are in use, by sr_source_keep. Returns how many scopes there are. */
unsigned sr_scope_keep_sources(SrRuntime *rt);
/* Forgets how often the tasks below have swallowed a cancellation. */
void sr_scope_forgive(SrScope *root);
/*
** lua_close in the middle of a run: every task counts as ended, so finalizers that still run and
** hold a handle do no harm.
*/
void sr_scope_forget_all(SrRuntime *rt);
/* Frees the blocks of a run that is over, or that lua_close cut off. */
void sr_block_free_all(SrRuntime *rt);

#endif
