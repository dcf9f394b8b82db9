/* SPDX-License-Identifier: MIT */
/*
** What `select` has to know of a class to take from its objects. Each class says it in one static struct, which its
** SrClass points to, so that neither side knows the other.
**
** In all of these functions the object is at index 1 of L.
*/
#ifndef SR_SELECTABLE_H
#define SR_SELECTABLE_H

#include "runtime/state.h"

typedef enum SrTaking {
  SR_NOTHING, /* there is nothing to take now: one has to wait */
  SR_TAKEN,   /* it is the task's, and `give` pushes it */
  SR_CHANGED  /* nothing is taken, but code of the user's has run: whatever was known has to be looked at again */
} SrTaking;

typedef struct SrSelectable {
  const SrKind *kind; /* of a task that waits for such an object alone: in which ring it stands, how that is undone */
  /* Raises if the task must not wait for it, whatever else it waits for. May be NULL. Runs no finalizer. [-0, +0, v] */
  void (*check)(lua_State *L, SrTask *t, void *object);
  /* The task whose end is waited for, as far as is known, or NULL. May be NULL. */
  SrTask *(*awaited)(const void *object);
  /* Pushes what `give` needs and what must not be missing once something was handed over. May be NULL. [-0, +1, m] */
  void (*prepare)(lua_State *L);
  /* Takes what is there at once. May leave it on top, as a hand-over does. [-0, +n, e] */
  SrTaking (*take)(lua_State *L, SrTask *t, void *object);
  /*
  ** Something was taken, or handed over: what that left is on top, or what `prepare` made. Returns how many values on
  ** top `select` returns. [-0, +n, v]
  */
  int (*give)(lua_State *L, SrTask *t, void *object);
} SrSelectable;

#endif
