/* SPDX-License-Identifier: MIT */
/* What gather and map share: all results, or the first error. */
#ifndef SR_GATHER_H
#define SR_GATHER_H

#include "combine/join.h"

/* An item has ended: see SrJoinPolicy. */
bool sr_gather_ended(SrJoin *join, const SrEnding *ending);
/* A function has returned: see SrJoinPolicy. */
bool sr_gather_done(SrJoin *join, lua_State *L, int first, uint32_t index);
/*
** Arranges the frame above items, fn, on_progress and tracker, with room for `total` results, each of which takes the
** place of its item if `takes_places`. [-0, +3, m]
*/
void sr_gather_arrange(lua_State *L, lua_Integer total, bool takes_places, bool keeps_errors);
/* The join is over: raises the first error, or returns the lists of results and of errors. [-0, +n, v] */
int sr_k_gathered(lua_State *L, int status, lua_KContext ctx);
/* Whether the options at `index`, a table or nil, have this flag. [-0, +0, v] */
bool sr_gather_flag(lua_State *L, int index, const char *name);

#endif
