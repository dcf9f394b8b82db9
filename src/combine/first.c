/* SPDX-License-Identifier: MIT */
/* race, any and wait: what is first, or who is done. */
#include <math.h>
#include <string.h>

#include "combine/ending.h"
#include "combine/items.h"
#include "runtime/error.h"

/* --- the winner ------------------------------------------------------------- */

/* Within one turn the order of the list counts, not the order of arrival. */
static bool beats_winner(const SrJoin *join, const SrEnding *ending) {
  if (!join->decided) return join->tally.winner == 0 || ending->index + 1 < join->tally.winner;
  return join->tally.winner != 0 && ending->status != SR_CANCELLED && ending->index + 1 < join->tally.winner &&
         join->turn == join->block.task->rt->turn;
}

/* The rest was cancelled by us: how it ended is looked at by nobody else. Futures are left alone. */
static void drop(const SrEnding *ending) {
  if (ending->status != SR_DONE && sr_test_task(ending->L, ending->handle) != NULL) sr_join_look_at(ending);
}

/* Pushes what the item leaves: its handle, or its error, at which nobody else looks. Finalizers run. [-0, +1, m] */
static void push_left(SrJoin *join, const SrEnding *ending) {
  if (ending->status == SR_DONE)
    lua_pushvalue(ending->L, ending->handle);
  else
    sr_join_push_error(join, ending);
}

static void win_or_lose(SrJoin *join, const SrEnding *ending) {
  if (!beats_winner(join, ending)) {
    drop(ending);
    return;
  }
  push_left(join, ending);
  if (!beats_winner(join, ending)) { /* by now */
    lua_pop(ending->L, 1);
    return;
  }
  join->tally.winner = ending->index + 1;
  join->tally.status = (uint8_t)ending->status;
  sr_join_set_value(join, ending);
}

/* A function of race or any has returned. The task of the winner is kept for its results; any other is not needed. */
static bool on_function_done(SrJoin *join, lua_State *L, int first, uint32_t index) {
  (void)L, (void)first;
  const SrEnding ending = {.index = index, .status = SR_DONE};
  return join->decided && !beats_winner(join, &ending);
}

static int return_winner(lua_State *L, SrTally tally) {
  if (tally.status != SR_DONE) {
    lua_pushvalue(L, SR_JOIN_VALUE);
    return lua_error(L);
  }
  return sr_push_results(L, (SrFuture *)lua_touserdata(L, SR_JOIN_VALUE), SR_JOIN_VALUE, NULL);
}

/* --- race and any ----------------------------------------------------------- */

static bool on_race_ended(SrJoin *join, const SrEnding *ending) {
  win_or_lose(join, ending);
  return true;
}

static int k_race(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return return_winner(L, sr_join_finish(L, (SrJoin *)ctx));
}

static bool on_any_ended(SrJoin *join, const SrEnding *ending) {
  if (ending->status == SR_DONE) {
    win_or_lose(join, ending);
    return true;
  }
  if (join->decided) {
    drop(ending);
    return false;
  }
  sr_join_push_error(join, ending);
  if (join->decided) /* by now */
    lua_pop(ending->L, 1);
  else
    sr_join_keep_error(join, ending);
  return false;
}

static int k_any(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTally tally = sr_join_finish(L, (SrJoin *)ctx);
  if (tally.winner != 0) return return_winner(L, tally);
  sr_push_group_error(L, SR_JOIN_ERRORS, tally.total);
  return lua_error(L);
}

static const SrJoinPolicy race_policy = {
    .kind = SR_RACE_KIND("race"), .ended = on_race_ended, .done = on_function_done, .in_list_order = true};
static const SrJoinPolicy any_policy = {
    .kind = SR_RACE_KIND("any"), .ended = on_any_ended, .done = on_function_done, .in_list_order = true};

/* Arranges the frame above the list of items. */
static void arrange(lua_State *L) {
  lua_settop(L, 1);
  lua_settop(L, SR_JOIN_RESULTS);
  lua_newtable(L);
  lua_pushnil(L);
}

static int wait_for_first(lua_State *L, const char *function, const SrJoinPolicy *policy, lua_KFunction k) {
  bool only_functions;
  lua_Integer total = sr_take_list(L, function, NULL, &only_functions);
  if (total == 0) return sr_arg_error(L, function, 1, "the list is empty: nothing can be first");
  SrTask *t = sr_check_wait(L, function);
  arrange(L);
  if (!only_functions) only_functions = sr_check_items(L, t, function, 1, total, true);
  SrJoin *join = sr_join_open(L, t, policy, total);
  join->watches_none = only_functions;
  return sr_join_run(L, join, k);
}

/* race(list): the results, or the error, of the first to finish. Waits. */
static int l_race(lua_State *L) {
  return wait_for_first(L, "race", &race_policy, k_race);
}

/* any(list): the results of the first to succeed, or a GroupError. Waits. */
static int l_any(lua_State *L) {
  return wait_for_first(L, "any", &any_policy, k_any);
}

/* --- wait ------------------------------------------------------------------- */

typedef enum When { ALL, FIRST_COMPLETED, FIRST_ERROR } When;

static const char *const when_names[] = {"all", "first_completed", "first_error", NULL};

static bool on_wait_ended(SrJoin *join, const SrEnding *ending) {
  if (join->when == FIRST_COMPLETED) return true;
  return join->when == FIRST_ERROR && ending->status == SR_FAILED;
}

static const SrJoinPolicy wait_policy = {.kind = SR_JOIN_KIND("wait"), .ended = on_wait_ended};
static const SrJoinPolicy generator_policy = {.kind = SR_JOIN_KIND("generator"), .ended = on_wait_ended};

static void on_wait_deadline(saros_timer *timer) {
  SrJoin *join = (SrJoin *)(void *)SR_CONTAINER(timer, SrBlock, timer);
  SrTask *t = join->block.task;
  sr_join_decide(join);
  if (t->future.state == SR_PARKED && t->object == join) sr_wake(t);
}

/* Pushes the two lists. Who failed has been looked at. */
static int k_wait(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  sr_join_finish(L, (SrJoin *)ctx);
  lua_Integer total = (lua_Integer)lua_rawlen(L, SR_JOIN_ITEMS), counts[2] = {0, 0};
  lua_newtable(L);
  lua_newtable(L);
  int done = lua_gettop(L) - 1;
  for (lua_Integer i = 1; i <= total; i++) {
    lua_rawgeti(L, SR_JOIN_ITEMS, i);
    SrStatus item_status = (SrStatus)sr_test_future(L, -1)->status;
    int is_pending = item_status == SR_PENDING;
    if (item_status == SR_FAILED) {
      sr_push_failure(L, lua_gettop(L));
      lua_pop(L, 1);
    }
    lua_rawseti(L, done + is_pending, ++counts[is_pending]);
  }
  return 2;
}

static When check_when(lua_State *L) {
  if (lua_isnoneornil(L, 2) || lua_getfield(L, 2, "return_when") == LUA_TNIL) return ALL;
  for (int i = 0; when_names[i] != NULL; i++)
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(when_names[i], lua_tostring(L, -1)) == 0) return (When)i;
  sr_arg_error(L, "wait", 2, "option 'return_when': \"all\", \"first_completed\" or \"first_error\" expected, got %s",
               luaL_tolstring(L, -1, NULL));
  return ALL;
}

static double check_timeout(lua_State *L) {
  if (lua_isnoneornil(L, 2)) return HUGE_VAL;
  lua_getfield(L, 2, "timeout");
  return sr_check_deadline(L, "wait", -1, 2);
}

static int wait_for_some(lua_State *L, const SrJoinPolicy *policy) {
  static const char *const known[] = {"timeout", "return_when", NULL};
  bool only_functions;
  lua_Integer total = sr_take_list(L, "wait", known, &only_functions);
  sr_check_options(L, "wait", 2, 2, known);
  double seconds = check_timeout(L);
  When when = check_when(L);
  SrTask *t = sr_check_wait(L, policy->kind.name);
  arrange(L);
  sr_check_items(L, t, policy->kind.name, 1, total, false);
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  SrJoin *join = sr_join_open(L, t, policy, total);
  join->when = (uint8_t)when;
  join->spares = true;
  join->block.timer.on_fire = on_wait_deadline;
  sr_block_start(L, &join->block, seconds);
  return sr_join_run(L, join, k_wait);
}

/* wait(tasks [, {timeout =, return_when =}]): done, pending. Waits, cancels nothing. */
static int l_wait(lua_State *L) {
  return wait_for_some(L, &wait_policy);
}

int sr_l_wait_in_generator(lua_State *L) {
  return wait_for_some(L, &generator_policy);
}

void sr_open_first(lua_State *L) {
  static const luaL_Reg functions[] = {{"race", l_race}, {"any", l_any}, {"wait", l_wait}, {NULL, NULL}};
  sr_set_functions(L, functions);
}
