/* SPDX-License-Identifier: MIT */
/*
** The calls of a line: commands whose replies are due, in order.
**
** Each is one of a task that waits for it, or a message of Lua's, which keeps account of that itself. A call has two
** owners, the line as long as its reply is due, and the task as long as it waits; the last to let go gives it back. A
** task that is cancelled leaves its call in the line, where it takes its reply along: so no reply ever goes to another
** call.
**
** The value of a reply is kept for its task in the line's table, under the number of the call.
*/
#ifndef SR_REDIS_CALL_H
#define SR_REDIS_CALL_H

#include <stdbool.h>

#include <lua.h>

#include "base/buffer.h"
#include "saros.h"

/* The runtime's functions; set when the module is opened. */
extern const saros_api *sr_redis_saros;

typedef enum SrRedisOutcome {
  SR_REDIS_WAITING, /* none yet */
  SR_REDIS_VALUE,   /* a value is in the table */
  SR_REDIS_FAULT,   /* the text of an error reply is there */
  SR_REDIS_LATE,    /* no reply in time */
  SR_REDIS_BROKEN,  /* the connection broke, and it may have run */
  SR_REDIS_UNSENT,  /* the connection broke before it was sent */
} SrRedisOutcome;

typedef struct SrRedisCall {
  saros_wait wait;
  struct SrRedisCall *next; /* in the line, or among the free ones */
  struct SrRedisCall *made; /* the one that was made before it, of all */
  lua_Integer number;
  double since; /* when it was given to the line */
  SrRedisOutcome outcome;
  bool is_message; /* of Lua's: it has no task */
  bool is_due;     /* the line owns it */
  bool is_awaited; /* the task owns it */
  bool is_sent;
} SrRedisCall;

typedef struct SrRedisLine {
  SrBuffer out;              /* what is to be sent */
  SrRedisCall *first, *last; /* calls whose replies are due */
  SrRedisCall *unsent;       /* the first of those that are not sent yet, NULL: all are */
  SrRedisCall *free, *made;  /* those that nobody owns; the one that was made last */
  saros_wait writer;         /* who waits for something to send */
  lua_Integer count;         /* of calls that were made */
  lua_Integer live;          /* calls that a task waits for */
  double timeout;
  double now;        /* when the first of those was given that are sent together */
  lua_Integer calls; /* that were given to it */
  bool is_open;      /* it takes calls */
  bool is_resting;   /* nobody watches deadlines, as there are none: calls go the long way */
  bool is_closed;
} SrRedisLine;

/* One that nobody owns. [-0, +0, v] */
SrRedisCall *sr_redis_new_call(lua_State *L, SrRedisLine *line);
/* It is free if nobody owns it. */
void sr_redis_drop_call(SrRedisLine *line, SrRedisCall *call);

/* Puts a call at the end of the line. */
void sr_redis_append_call(SrRedisLine *line, SrRedisCall *call, bool is_message);
/* Takes the first call off the line. */
void sr_redis_advance(SrRedisLine *line);

/* Whether a task still waits for this call. */
bool sr_redis_is_live(const SrRedisCall *call);
/* Tells the task of a call what came of it. */
void sr_redis_settle(SrRedisLine *line, SrRedisCall *call, SrRedisOutcome outcome);

/* The table of values of the line at 1. [-0, +1, -] */
void sr_redis_push_values(lua_State *L);

#endif
