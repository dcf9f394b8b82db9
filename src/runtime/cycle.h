/* SPDX-License-Identifier: MIT */
/* Cycles of tasks that wait for each other: an await that would close one raises instead. */
#ifndef SR_CYCLE_H
#define SR_CYCLE_H

#include "runtime/state.h"

/* The links of a task that is among the watchers of the only thing that it waits for. */
bool sr_link_awaited(const SrTask *t, SrLink *link);
bool sr_link_waiting(const SrWaiter *watcher, SrLink *link);
extern const SrLinks sr_await_links;

/* Whether `target` ends only after `waiter` has. */
bool sr_waits_for(SrTask *target, SrTask *waiter);
/* The first task of the list at `list` of which that holds, or NULL. [-0, +0, -] */
SrTask *sr_find_waiting(lua_State *L, int list, SrTask *waiter);
/*
** The cycle that closes if `waiter` waits for `target`: `target`, what that waits for, and so on up to `waiter`, which
** is left out. Stores the first `room` of them; returns how many there are.
*/
size_t sr_trace_cycle(SrTask *target, SrTask *waiter, SrTask **path, size_t room);

#endif
