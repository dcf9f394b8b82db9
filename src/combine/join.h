/* SPDX-License-Identifier: MIT */
/*
** Join: what gather, map, race, any and wait share. It runs functions as tasks of its own,
** watches tasks and futures, and lets its host go on when all that it waits for has ended.
**
** Each combinator is a policy: what an end means, and whether it decides the join. Once it is
** decided, what still runs is cancelled and joined.
*/
#ifndef SR_JOIN_H
#define SR_JOIN_H

#include "combine/combine.h"

typedef struct SrJoin SrJoin;

/* An item that was there before: a task or a future that the join watches. */
typedef struct SrWatch {
  SrWaiter waiter;
  union {
    SrJoin *join;
    struct SrWatch *next; /* of those that were left behind: see join.c */
  };
  SrFuture *target; /* NULL for a function, and once it has ended */
  bool is_task;     /* the target is one */
  bool is_let_go;   /* the join was decided without this future, which may still come first in the list */
} SrWatch;

/* How an item ended. Its handle, which holds its results or its error, is at `handle` on the stack of L. */
typedef struct SrEnding {
  lua_State *L;
  int handle;
  uint32_t index; /* of the item, from 0 */
  SrStatus status;
} SrEnding;

typedef struct SrJoinPolicy {
  SrKind kind; /* of the host's wait: SR_JOIN_KIND */
  /* An item has ended; whether that decides the join. May be called again after it was decided. */
  bool (*ended)(SrJoin *join, const SrEnding *ending);
  /*
  ** A function, of whose task nobody knows, has returned what stands from `first` of L on; `index` is that of the item.
  ** Whether that is all there is to do: the task is not needed any more. [-0, +0, m]
  */
  bool (*done)(SrJoin *join, lua_State *L, int first, uint32_t index);
  bool in_list_order; /* of what ends in one turn the first of the list counts */
} SrJoinPolicy;

/* The kind of a policy's wait; that of one which the first of its functions may decide. */
#define SR_JOIN_KIND(title) SR_JOIN_KIND_OF(title, &sr_join_links)
#define SR_RACE_KIND(title) SR_JOIN_KIND_OF(title, &sr_race_links)
#define SR_JOIN_KIND_OF(title, what)                                                                                   \
  { .name = title, .abort = sr_join_abort, .joins = true, .links = what }
bool sr_join_abort(SrTask *t);
extern const SrLinks sr_join_links, sr_race_links;

/* The frame of the host's C function, the same for all. */
enum {
  SR_JOIN_ITEMS = 1, /* the list of items; of map also their number, or the iterator that gives them */
  SR_JOIN_FUNCTION,  /* of map: what is called for each item; else nil */
  SR_JOIN_PROGRESS,  /* of map: on_progress, or nil */
  SR_JOIN_TRACKER,   /* of map: what runs the function and then on_progress, or nil */
  SR_JOIN_RESULTS,   /* table of first results by index; that of the items, if those are all functions or map's */
  SR_JOIN_ERRORS,    /* table of errors by index */
  SR_JOIN_VALUE,     /* what decided: an error, or the handle of the winner */
  SR_JOIN_FRAME = SR_JOIN_VALUE,
  SR_JOIN_ITEM /* of map over an iterator, which has its frame elsewhere: what that gave last */
};

/* What it has come to. */
typedef struct SrTally {
  uint32_t total;    /* items */
  uint32_t winner;   /* what decided, from 1; 0: nothing yet */
  uint32_t kept[2];  /* results and errors that are not nil */
  uint8_t status;    /* how the winner ended: SrStatus */
  bool keeps_errors; /* an error decides nothing */
} SrTally;

struct SrJoin {
  SrBlock block;
  const SrJoinPolicy *policy;
  lua_State *host;   /* the coroutine with the frame: of the host, or if `asks` one that is kept for that alone */
  SrWatch *watches;  /* by index, NULL if every item is a function */
  SrStarter starter; /* functions that were started and have not begun */
  SrTally tally;
  uint32_t next;      /* the first item that has not been looked at, from 0 */
  uint32_t limit;     /* tasks that may run at once */
  uint32_t finished;  /* of map: items whose function has returned */
  unsigned turn;      /* in which it was decided */
  uint8_t when;       /* of wait: what it returns on */
  bool decided;       /* the rest is cancelled, or no longer watched */
  bool spares;        /* cancels nothing: it only watches */
  bool watches_none;  /* every item is a function */
  bool takes_places;  /* results take the places of their items, which are there */
  bool counts;        /* of map: the items are the numbers up to `total` */
  bool maps;          /* the frame has a function that is called for each item, */
  bool tracks;        /* by way of a tracker */
  bool was_cancelled; /* before it began */
  bool asks;          /* of map: there may be more items than `total`, an iterator gives them one by one */
  bool wants_room;    /* its host waits until fewer than `limit` run */
  bool lost;          /* there was no memory to start an item, or for how one ended */
};

/*
** Pushes what stands at `index` of the frame. The host is suspended, so nothing may fail on its stack: values are built
** on the stack of the coroutine that runs, and only moved over. [-0, +1, -]
*/
static inline void sr_join_push_frame(const SrJoin *join, lua_State *L, int index) {
  lua_pushvalue(join->host, index);
  if (L != join->host) lua_xmove(join->host, L, 1);
}

/* Opens the join of task `t`, whose frame is arranged, over `total` items. What it does is set after that. [-0, +0, m] */
SrJoin *sr_join_open(lua_State *L, SrTask *t, const SrJoinPolicy *policy, lua_Integer total);
/* Starts what may start and waits for the end; `k` gets the join as its context. To be returned. [-0, +n, v] */
int sr_join_run(lua_State *L, SrJoin *join, lua_KFunction k);
/* One more item stands at SR_JOIN_ITEM: starts it. For a join without sr_join_run. */
void sr_join_add(SrJoin *join);
/* Whether all that it waits for has ended. */
bool sr_join_is_over(const SrJoin *join);
/* Waits until it is over, or has room, and goes on in `k` as sr_join_run does. To be returned. [-0, +n, v] */
int sr_join_wait(lua_State *L, SrJoin *join, lua_KFunction k);
/*
** In `k`: the join is over. Raises if the wait was aborted, or memory ran out. Returns what it has come to, as the join
** itself is dead. [-0, +0, v]
*/
SrTally sr_join_finish(lua_State *L, SrJoin *join);
/* Decides it from outside: a deadline has passed. */
void sr_join_decide(SrJoin *join);

#endif
