/* SPDX-License-Identifier: MIT */
/*
** Handles of tasks and futures: told from other values, found, named and described.
**
** Invariant: the table of live tasks holds the handle of each task from spawn to end. Names are kept by handle: a task
** that has ended is only found by those that hold its handle, who pass it.
*/
#ifndef SR_HANDLE_H
#define SR_HANDLE_H

#include "runtime/object.h"

extern const SrClass sr_task_class;
extern const SrClass sr_future_class;

/* The task at `arg`, or NULL. */
static inline SrTask *sr_test_task(lua_State *L, int arg) {
  return (SrTask *)sr_test(L, arg, &sr_task_class);
}
/* The task or future at `arg`, or NULL. */
static inline SrFuture *sr_test_future(lua_State *L, int arg) {
  SrFuture *future = (SrFuture *)sr_test(L, arg, &sr_task_class);
  return future != NULL ? future : (SrFuture *)sr_test(L, arg, &sr_future_class);
}

/* Pushes the handle of a task that has not ended. [-0, +1, -] */
void sr_push_task(lua_State *L, SrTask *t);
/* Pushes a list of the handles of all tasks that have not ended, in spawn order. [-0, +1, m] */
void sr_push_all_tasks(lua_State *L, SrRuntime *rt);

/* Pushes the name of a task. [-0, +1, m] */
void sr_push_name(lua_State *L, SrTask *t);
/* Pushes the name of the task at `index`, which may have ended. [-0, +1, m] */
void sr_push_name_of(lua_State *L, int index);
/* Gives the task at `index` the name on top. [-1, +0, m] */
void sr_set_name(lua_State *L, int index);

/* Pushes what a parked task waits for: "semaphore", "task 'x'". [-0, +1, m] */
void sr_push_waits_for(lua_State *L, SrTask *t);
/* How many stand in a ring. */
lua_Integer sr_count_waiting(const SrWaiter *first);
/*
** Pushes what tostring shows, "queue (3 items, 2 waiting)", and returns 1. `first` is the first in the ring of those
** who wait. [-0, +1, m]
*/
int sr_describe(lua_State *L, const SrObject *object, const SrWaiter *first, const char *format, ...);

#endif
