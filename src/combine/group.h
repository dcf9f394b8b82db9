/* SPDX-License-Identifier: MIT */
/*
** Task groups: a block that owns tasks.
**
** Invariants: the block is left only when every task of it has ended, and every error of it is in the GroupError, once.
** While somebody waits in spawn for a place, as many tasks run as the group may have.
*/
#ifndef SR_GROUP_H
#define SR_GROUP_H

#include "combine/combine.h"

typedef struct SrGroup {
  SrBlock block;      /* the anchor keeps what was_seen under the address of its `running` */
  SrWaiter *spawners; /* who waits for a place, oldest first; a place that was handed over counts as running */
  uint32_t limit;     /* tasks that may run at once; 0: any number */
  uint32_t failed;    /* errors in the list, which the anchor keeps under this address */
  bool collects;      /* failures of tasks do not bring it down */
  bool lost;          /* an error could not be kept, for want of memory */
  bool has_error;     /* the block is left with an error: nil is as good as any */
  bool is_block;      /* the first of its errors is that of the block */
  bool is_left;       /* its errors are being raised */
  bool was_cancelled; /* from outside, when it was left */
  uint8_t outcome;    /* how the wait for its tasks ended: SrOutcome */
} SrGroup;

/* What Lua holds. */
typedef struct SrGroupHandle {
  SrObject head;
  SrBlock *block; /* alive as long as its serial is this one */
  uint64_t serial;
} SrGroupHandle;

extern const SrClass sr_group_class;

/* SrFuture.count of a task that has not called `started` yet: see group_start.c. */
enum { SR_GROUP_STARTING = 1 };

/* The group at index 1, or NULL if it has been left. [-0, +0, v] */
static inline SrGroup *sr_group_alive(lua_State *L, const char *function) {
  SrGroupHandle *handle = (SrGroupHandle *)sr_check_self(L, &sr_group_class, function);
  return (SrGroup *)(void *)sr_block_alive(sr_rt(L), handle->block, handle->serial);
}

/* Whether one more task has to wait for a place. In a group that goes down there is nothing to wait for. */
static inline bool sr_group_is_full(const SrGroup *group) {
  return group->limit != 0 && group->block.running >= group->limit && group->block.scope.cause == NULL;
}

/* A task has ended, or a place was given back: hands places to those who wait for one, or lets the block be left. */
void sr_group_go_on(SrGroup *group);

/* The frame of what leaves a group; the function form has its handler and its results above. */
enum { SR_GROUP_SELF = 1, SR_GROUP_ERROR, SR_GROUP_FRAME = SR_GROUP_ERROR, SR_GROUP_HANDLER };

/* Pushes the handle of a new group inside task `t`. [-0, +1, m] */
SrGroup *sr_push_group(lua_State *L, SrTask *t, uint32_t limit, bool collects);
/*
** Leaves a group, whose frame is arranged: the error of the block, if it has one, is at SR_GROUP_ERROR. To be
** returned. [-0, +n, v]
*/
int sr_group_leave(lua_State *L, SrGroup *group);

#endif
