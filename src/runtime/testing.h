/* SPDX-License-Identifier: MIT */
/* What saros.testing is made of, besides a run on a virtual clock. */
#ifndef SR_TESTING_H
#define SR_TESTING_H

#include "runtime/state.h"

/* settle(): waits until every other task waits; the clock stands still. */
int sr_l_settle(lua_State *L);
/* test_limit(seconds): how long, by a real clock, a test may run before main is told */
int sr_l_test_limit(lua_State *L);
/* schedule(fn): fn(tasks), given those that are ready, returns the index of the one to run next; nil: in order. */
int sr_l_schedule(lua_State *L);

/* Pushes a text that names every task, handle and timer of a test that is over, or nil. [-0, +1, m] */
void sr_push_leftovers(lua_State *L, SrRuntime *rt);

#endif
