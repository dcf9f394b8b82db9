/* SPDX-License-Identifier: MIT */
/*
** Synchronisation.
**
** Invariant, for all of it: a release hands the permit, lock or item to the oldest waiter
** at that moment. Nobody is woken to look again, nobody overtakes, and what was handed over
** arrives even if the waiter is cancelled in the same turn.
*/
#ifndef SR_SYNC_H
#define SR_SYNC_H

#include "runtime/runtime.h"

/* Each opens one class: its constructor goes into the table on top. */
void sr_open_future(lua_State *L);
void sr_open_semaphore(lua_State *L);
void sr_open_lock(lua_State *L);
void sr_open_event(lua_State *L);
void sr_open_condition(lua_State *L);
void sr_open_barrier(lua_State *L);
void sr_open_queue(lua_State *L);
void sr_open_limiter(lua_State *L);
void sr_open_signals(lua_State *L);
/* What awaits written in Lua begin with: goes into the table of internal functions on top. */
void sr_open_checkpoint(lua_State *L);

/* --- permits: what acquire returns ------------------------------------------ */

typedef struct SrPermit SrPermit;

/* How a permit is given back; one static struct for each class that gives permits. */
typedef struct SrPermitOps {
  /* Gives the permit back to its object. */
  void (*release)(lua_State *L, const SrPermit *permit);
} SrPermitOps;

struct SrPermit {
  SrObject head;
  const SrPermitOps *ops;
  void *object;      /* whose permit it is; user value 1 keeps that */
  lua_Integer count; /* of a semaphore: how many it stands for */
  uint32_t serial;   /* of a lock: tells its holder from the next one */
  bool is_held;
};

/*
** Pushes a new object that gives permits. User value 1 is the metatable of permits, as finding
** that in the registry would cost more than the rest of an acquire. [-0, +1, m]
*/
void *sr_new_giver(lua_State *L, const SrClass *cls, size_t size);
/*
** Pushes a permit, for one, of the object, which is at index 1. It is not held yet. Finalizers run in it, so it is made
** before anything is looked at. [-0, +1, m]
*/
SrPermit *sr_push_permit(lua_State *L, const SrPermitOps *ops, void *object);
void sr_open_permit(lua_State *L);

#endif
