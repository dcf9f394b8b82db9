/* SPDX-License-Identifier: MIT */
/* What the policies of a join do with an item that has ended. */
#ifndef SR_ENDING_H
#define SR_ENDING_H

#include "combine/join.h"

/* Moves the first result of what has ended to the host's results. [-0, +0, m] */
void sr_join_keep_result(SrJoin *join, const SrEnding *ending);
/* Puts the value on top of L into the host's results. [-1, +0, m] */
void sr_join_put_value(SrJoin *join, lua_State *L, uint32_t index);
/* The same, as the result of that item. [-1, +0, m] */
static inline void sr_join_keep_value(SrJoin *join, lua_State *L, uint32_t index) {
  join->tally.kept[0] += !lua_isnil(L, -1);
  if (!join->takes_places || L == join->host) {
    sr_join_put_value(join, L, index);
    return;
  }
  lua_xmove(L, join->host, 1);
  lua_rawseti(join->host, SR_JOIN_RESULTS, (lua_Integer)index + 1); /* its place is there: takes no memory */
}
/*
** Pushes the error onto ending->L; somebody has looked at it now. Finalizers run: another item may have ended, and
** the join may have been decided. [-0, +1, m]
*/
void sr_join_push_error(SrJoin *join, const SrEnding *ending);
/* Somebody has looked at its error now, and nobody wants it. [-0, +0, -] */
void sr_join_look_at(const SrEnding *ending);
/* The item has no result; where results take the places of their items it stands there yet. [-0, +0, -] */
void sr_join_drop_item(SrJoin *join, const SrEnding *ending);
/* Moves the error, which is on top of ending->L, to the host's errors. [-1, +0, m] */
void sr_join_keep_error(SrJoin *join, const SrEnding *ending);
/* Makes the value on top of ending->L what decided: SR_JOIN_VALUE. [-1, +0, -] */
void sr_join_set_value(SrJoin *join, const SrEnding *ending);

#endif
