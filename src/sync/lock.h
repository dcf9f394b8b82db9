/* SPDX-License-Identifier: MIT */
/*
** Lock, as conditions see it too.
**
** Invariants: a lock that is held watches its owner, so it is passed on even if the owner ends
** without releasing it. While somebody waits, somebody holds it.
*/
#ifndef SR_LOCK_H
#define SR_LOCK_H

#include "sync/sync.h"

typedef struct SrLock {
  SrObject head;
  SrRuntime *rt;
  SrTask *owner;     /* NULL when free */
  SrWaiter watch;    /* among the owner's watchers */
  SrWaiter *waiters; /* who wants it, oldest first */
  uint32_t serial;   /* of the present hold: a permit with another one is an old one */
  uint32_t last;     /* serial of the newest hold */
} SrLock;

extern const SrClass sr_lock_class;

/* Pushes a new lock. [-0, +1, m] */
SrLock *sr_push_lock(lua_State *L);
/*
** Acquires the lock, which is at index 1, pushes a permit. `function` is its name in messages. To be returned.
** [-0, +1, v]
*/
int sr_lock_acquire(lua_State *L, SrLock *lock, const char *function);
/* Raises unless the running task holds it. [-0, +0, v] */
void sr_lock_check_held(lua_State *L, const SrLock *lock, const char *function);
/* Makes `t` the owner of a lock that is free. */
void sr_lock_take(SrLock *lock, SrTask *t);
/* Takes it from its owner, hands it to the oldest waiter. */
void sr_lock_let_go(SrLock *lock);

/* Pushes "free", or "held by task 'name'". [-0, +1, m] */
void sr_lock_push_holder(lua_State *L, const SrLock *lock);

#endif
