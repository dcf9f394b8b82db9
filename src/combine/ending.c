/* SPDX-License-Identifier: MIT */
/* How items of a join ended. See ending.h. */
#include "combine/ending.h"

#include "runtime/trace.h"

static void keep(SrJoin *join, lua_State *L, int table, uint32_t index) {
  sr_join_push_frame(join, L, table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)index + 1);
  lua_pop(L, 1);
}

void sr_join_put_value(SrJoin *join, lua_State *L, uint32_t index) {
  keep(join, L, SR_JOIN_RESULTS, index);
}

void sr_join_keep_result(SrJoin *join, const SrEnding *ending) {
  sr_push_first(ending->L, ending->handle);
  sr_join_keep_value(join, ending->L, ending->index);
}

void sr_join_drop_item(SrJoin *join, const SrEnding *ending) {
  if (!join->takes_places) return;
  lua_pushnil(ending->L);
  keep(join, ending->L, SR_JOIN_RESULTS, ending->index);
}

void sr_join_look_at(const SrEnding *ending) {
  sr_push_failure(ending->L, ending->handle);
  lua_pop(ending->L, 1);
}

void sr_join_push_error(SrJoin *join, const SrEnding *ending) {
  sr_push_failure(ending->L, ending->handle);
  if (sr_test_task(ending->L, ending->handle) != NULL) sr_note_origin(ending->L, join->block.task, ending->handle);
}

void sr_join_keep_error(SrJoin *join, const SrEnding *ending) {
  join->tally.kept[1] += !lua_isnil(ending->L, -1);
  keep(join, ending->L, SR_JOIN_ERRORS, ending->index);
}

void sr_join_set_value(SrJoin *join, const SrEnding *ending) {
  if (ending->L != join->host) lua_xmove(ending->L, join->host, 1);
  lua_replace(join->host, SR_JOIN_VALUE);
}
