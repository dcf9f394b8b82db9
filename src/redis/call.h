/* SPDX-License-Identifier: MIT */
/*
** The calls of a line: messages whose replies are due, in order.
**
** A call has two owners, the line as long as its replies are due, and the task as long as it waits; the last to let go
** gives it back. A task that is cancelled leaves its call in the line, where it takes its replies along: so no reply
** ever goes to another call.
**
** The task stands still in a C function while it waits, and what comes for it is put on its stack: on top the value, or
** the text of an error reply; those of a call for several replies go into the tables that it has at SR_REDIS_REPLIES
** and SR_REDIS_ERRORS.
*/
#ifndef SR_REDIS_CALL_H
#define SR_REDIS_CALL_H

#include <stdbool.h>

#include <lua.h>

#include "base/buffer.h"
#include "saros.h"

/* The runtime's functions; set when the module is opened. */
extern const saros_api *sr_redis_saros;

/* Where a task that waits for several replies has its tables: values by their numbers, and texts of error replies. */
enum { SR_REDIS_REPLIES = 3, SR_REDIS_ERRORS };

typedef enum SrRedisOutcome {
  SR_REDIS_WAITING, /* none yet */
  SR_REDIS_VALUE,   /* a value has come, or all of them */
  SR_REDIS_FAULT,   /* the text of an error reply has */
  SR_REDIS_LATE,    /* no reply in time */
  SR_REDIS_BROKEN,  /* the connection broke, and it may have run */
  SR_REDIS_UNSENT,  /* the connection broke before it was sent */
} SrRedisOutcome;

/* As Lua hears of them; NULL for those that are a reply. */
extern const char *const sr_redis_outcomes[];

typedef struct SrRedisCall {
  saros_wait wait;
  struct SrRedisLine *line;
  struct SrRedisCall *next; /* in the line, or among the free ones */
  struct SrRedisCall *made; /* the one that was made before it, of all */
  lua_State *task;          /* the coroutine that waits */
  double since;             /* when it was given to the line */
  size_t size;              /* of its message */
  lua_Integer count, came;  /* replies that it asks for, 0: one by itself; and those that are there */
  SrRedisOutcome outcome;
  bool has_null, has_error; /* among several replies */
  bool is_due;              /* the line owns it */
  bool is_awaited;          /* the task owns it */
  bool is_sent;
} SrRedisCall;

typedef struct SrRedisLine {
  SrBuffer out;              /* what is to be sent */
  SrRedisCall *first, *last; /* calls whose replies are due */
  SrRedisCall *unsent;       /* the first of those that are not sent yet, NULL: all are */
  SrRedisCall *free, *made;  /* those that nobody owns; the one that was made last */
  saros_wait writer;         /* who waits for something to send */
  lua_Integer live;          /* calls that a task waits for */
  lua_Integer calls;         /* of methods, that were given to it */
  double timeout;            /* how long a task waits */
  double now;                /* when the first of those was given that are sent together */
  bool is_connected;
  bool is_writing; /* what was taken from the buffer last is still being written */
  bool is_open;    /* it takes calls of methods */
  bool is_resting; /* nobody watches deadlines, as there are none: calls go the long way */
  bool is_closed;
} SrRedisLine;

/*
** One for the task of L, with room for a message of so many bytes at the end of the line's buffer, where the caller
** writes it. To be followed by sr_redis_append_call. [-0, +0, v]
*/
SrRedisCall *sr_redis_new_call(lua_State *L, SrRedisLine *line, size_t room);
/* Puts a call at the end of the line. Its message, of `size` bytes, asks for `count` replies, 0: for one by itself. */
void sr_redis_append_call(SrRedisCall *call, size_t size, lua_Integer count);
/* Has the task wait for its call. To be returned. [-0, +0, v] */
int sr_redis_await_call(lua_State *L, SrRedisCall *call, lua_KFunction k);
/* The task lets go of its call. */
void sr_redis_leave_call(SrRedisCall *call);

/* Takes the first call off the line. */
void sr_redis_advance(SrRedisLine *line);
/* Drops the calls that no task waits for any more, and their messages. Nothing has been sent yet. */
void sr_redis_withdraw(SrRedisLine *line);

/* Whether a task still waits for this call. */
bool sr_redis_is_live(const SrRedisCall *call);
/* Tells the task of a call what came of it. */
void sr_redis_settle(SrRedisCall *call, SrRedisOutcome outcome);
/* Gives the value on top, or the text of an error reply, to the first call. [-1, +0, m] */
void sr_redis_answer(lua_State *L, SrRedisLine *line, bool is_error);

#endif
