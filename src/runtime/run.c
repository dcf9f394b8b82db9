/* SPDX-License-Identifier: MIT */
/* How a run begins and ends. See run.h. */
#include "runtime/run.h"

#include <string.h>

#include "runtime/clock.h"
#include "runtime/failure.h"
#include "runtime/loop.h"
#include "runtime/pool.h"
#include "runtime/scope.h"
#include "runtime/starter.h"

void sr_run_new_table(lua_State *L, const void *key, const char *mode) {
  lua_newtable(L);
  if (mode != NULL) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void sr_run_begin(lua_State *L, SrRuntime *rt, bool is_testing) {
  sr_loop_open(L, rt);
  memset(&rt->root, 0, sizeof rt->root);
  rt->root.kind = SR_SCOPE_RUN;
  rt->ready.first = rt->ready.last = NULL;
  rt->ready.count = rt->ready.in_turn = rt->ready.unbegun = 0;
  rt->ready.lost = NULL;
  rt->ready.spares = NULL;
  rt->ready.spare_count = 0;
  rt->main_task = rt->current = NULL;
  rt->testing.settlers = NULL;
  rt->is_closing = false;
  rt->testing.is_on = rt->clock.is_virtual = is_testing;
  rt->clock.virtual_now = 0;
  rt->testing.overdue = (int64_t)uv_hrtime() + rt->testing.limit;
  rt->last_id = 0;
  rt->runs++;
  rt->is_running = true;
}

/* A table whose array has only empty places gives that memory back when a key of another kind makes it grow. */
static void shrink_live(lua_State *L) {
  lua_pushboolean(L, 1);
  lua_setfield(L, lua_upvalueindex(SR_UP_LIVE), "shrink");
  lua_pushnil(L);
  lua_setfield(L, lua_upvalueindex(SR_UP_LIVE), "shrink");
}

/* Lets go of what is kept in tables. If that fails the next run has them as they are: nothing in them counts. */
static int l_renew_tables(lua_State *L) {
  sr_drop_spares(L, sr_rt(L));
  sr_pool_renew(L);
  sr_run_new_table(L, &sr_anchor_key, NULL);
  shrink_live(L);
  return 0;
}

void sr_run_end(lua_State *L, SrRuntime *rt) {
  sr_loop_close(rt);
  rt->is_running = false;
  rt->testing.is_on = rt->clock.is_virtual = false;
  sr_clock_free(&rt->clock);
  sr_block_free_all(rt);
  sr_slots_free(&rt->live);
  sr_pool_free(rt);
  sr_protected(L, l_renew_tables, 0, 0);
  sr_report_failures(L, rt);
}
