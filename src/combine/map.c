/* SPDX-License-Identifier: MIT */
/* map: a function for each item of a list, for each number up to a count, or for whatever an iterator gives. */
#include "combine/gather.h"
#include "combine/items.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/forgotten.h"
#include "runtime/place.h"

static const SrJoinPolicy map_policy = {.kind = SR_JOIN_KIND("map"), .ended = sr_gather_ended, .done = sr_gather_done};

/* --- on_progress -------------------------------------------------------------- */

/* The frame of l_tracked. */
enum {
  TRACK_JOIN = 1,
  TRACK_SERIAL,
  TRACK_PROGRESS,
  TRACK_FUNCTION,
  TRACK_ITEM,
  TRACK_INDEX,
  TRACK_HANDLER,
  TRACK_RESULTS
};

static int k_told(lua_State *L, int status, lua_KContext failed) {
  (void)status;
  return failed ? lua_error(L) : lua_gettop(L) - TRACK_HANDLER;
}

static int k_called(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  bool failed = status != LUA_OK && status != LUA_YIELD;
  SrRuntime *rt = sr_rt(L);
  SrBlock *block = (SrBlock *)lua_touserdata(L, TRACK_JOIN);
  block = sr_block_alive(rt, block, (uint64_t)lua_tointeger(L, TRACK_SERIAL));
  uint64_t serial;
  if (block == NULL || (failed && sr_is_own_cancel(L, -1, rt->current, &serial))) return k_told(L, status, failed);
  SrJoin *join = (SrJoin *)(void *)block;
  lua_pushvalue(L, TRACK_PROGRESS);
  lua_pushinteger(L, (lua_Integer)++join->finished);
  if (join->asks)
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)join->tally.total);
  lua_callk(L, 2, 0, failed, k_told);
  return k_told(L, LUA_OK, failed);
}

/* Runs the function of map for one item, then on_progress, both in the task of the item. */
static int l_tracked(lua_State *L) {
  lua_settop(L, TRACK_INDEX);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  for (int i = TRACK_FUNCTION; i <= TRACK_INDEX; i++) lua_pushvalue(L, i);
  return k_called(L, lua_pcallk(L, 2, LUA_MULTRET, TRACK_HANDLER, 0, k_called), 0);
}

static void check_on_progress(lua_State *L) {
  if (lua_isnil(L, -1) || lua_isfunction(L, -1)) return;
  sr_arg_error(L, "map", 3, "option 'on_progress': function expected, got %s", luaL_typename(L, -1));
}

/* Arranges on_progress and the tracker, the third and fourth value of the frame. */
static void arrange_progress(lua_State *L) {
  if (lua_isnoneornil(L, 3))
    lua_settop(L, 3);
  else {
    lua_getfield(L, 3, "on_progress");
    check_on_progress(L);
    lua_replace(L, 3);
    lua_settop(L, 3);
  }
  if (lua_isnil(L, 3)) {
    lua_pushnil(L);
    return;
  }
  sr_push_function(L, l_tracked);
}

/* --- map over an iterator ------------------------------------------------------ */

/*
** The iterator is called in the task of the caller, inside the scope of the join: whatever it waits for ends if an item
** fails. It is called only while there is room for one more. While it waits its frame is the innermost of the task's
** coroutine, so the frame of the join is copied to a coroutine that runs nothing. The anchor keeps that one.
*/

/* What the frame in the task's own coroutine has besides. */
enum { ASK_HANDLER = SR_JOIN_FRAME + 1, ASK_ITEM };

static int k_over(lua_State *L, int status, lua_KContext ctx) {
  lua_settop(L, ASK_HANDLER);
  return sr_k_gathered(L, status, ctx);
}

/* Nothing more is asked for. */
static int stop_asking(lua_State *L, SrJoin *join) {
  join->block.task->future.outcome = SR_WOKEN;
  return sr_join_is_over(join) ? k_over(L, LUA_OK, (lua_KContext)join) : sr_join_wait(L, join, k_over);
}

/* The error of the iterator is on top. If an item has failed before, that is why, or counts in any case. */
static void take_failure(lua_State *L, SrJoin *join) {
  uint64_t serial;
  bool is_cancel = sr_is_own_cancel(L, -1, join->block.task, &serial);
  if (is_cancel && join->block.scope.parent->cause != NULL) join->was_cancelled = true;
  if (join->decided) return;
  lua_xmove(L, join->host, 1);
  lua_replace(join->host, SR_JOIN_VALUE);
  join->tally.winner = join->tally.total + 1;
  sr_join_decide(join);
}

static int k_joined(lua_State *L, int status, lua_KContext ctx);

/* The iterator has raised what is on top, or has left scopes open, which is a failure too. */
static int leave_failed(lua_State *L, SrJoin *join) {
  SrTask *t = join->block.task;
  int top = lua_gettop(L);
  SrBlock *busy = sr_forgotten_block(L, t, &join->block.scope);
  if (busy != NULL) return sr_forgotten_join(L, t, busy, k_joined, (lua_KContext)join);
  if (join->block.failed) sr_forgotten_blame(L, t, &join->block.scope, top);
  bool forgotten = sr_block_close_inner(L, &join->block);
  if (forgotten && join->block.failed) sr_debug_forgotten(L), lua_settop(L, top);
  take_failure(L, join);
  return stop_asking(L, join);
}

static int k_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  sr_forgotten_joined(L, ((SrJoin *)ctx)->block.task);
  return leave_failed(L, (SrJoin *)ctx);
}

/* Starts what the iterator has given. False: that was the end, or it came too late. */
static bool take_item(lua_State *L, SrJoin *join) {
  if (join->decided || lua_isnil(L, ASK_ITEM)) return false;
  if (join->tally.total == INT32_MAX) luaL_error(L, "map: too many items");
  lua_settop(join->host, SR_JOIN_FRAME);
  lua_xmove(L, join->host, 1);
  sr_join_add(join);
  lua_settop(join->host, SR_JOIN_FRAME);
  return !join->decided;
}

static int ask(lua_State *L, SrJoin *join);

/* There is room, or the join was decided, or the wait was aborted: then all has ended. */
static int k_room(lua_State *L, int status, lua_KContext ctx) {
  SrJoin *join = (SrJoin *)ctx;
  SrTask *t = join->block.task;
  join->wants_room = false;
  bool goes_on = t->future.state == SR_RUNNING && t->future.outcome == SR_WOKEN && !join->decided;
  return goes_on ? ask(L, join) : k_over(L, status, ctx);
}

static int k_turn(lua_State *L, int status, lua_KContext ctx) {
  SrJoin *join = (SrJoin *)ctx;
  bool is_stray = join->block.task->future.state != SR_RUNNING;
  return is_stray ? k_over(L, status, ctx) : ask(L, join);
}

static int k_asked(lua_State *L, int status, lua_KContext ctx) {
  SrJoin *join = (SrJoin *)ctx;
  SrTask *t = join->block.task;
  for (;;) {
    join->block.failed = status != LUA_OK && status != LUA_YIELD;
    if (join->block.failed || t->current != &join->block.scope) return leave_failed(L, join);
    if (!take_item(L, join)) return stop_asking(L, join);
    if (join->block.running >= join->limit) {
      join->wants_room = true;
      return sr_join_wait(L, join, k_room);
    }
    if (sr_is_spent(t)) return sr_turn(L, t, k_turn, ctx);
    lua_pushvalue(L, SR_JOIN_ITEMS);
    status = lua_pcallk(L, 0, 1, ASK_HANDLER, ctx, k_asked);
  }
}

static int ask(lua_State *L, SrJoin *join) {
  if (join->decided) return stop_asking(L, join);
  lua_KContext ctx = (lua_KContext)join;
  lua_settop(L, ASK_HANDLER);
  lua_pushvalue(L, SR_JOIN_ITEMS);
  return k_asked(L, lua_pcallk(L, 0, 1, ASK_HANDLER, ctx, k_asked), ctx);
}

static bool is_iterator(lua_State *L, int index) {
  if (lua_isfunction(L, index)) return true;
  if (lua_type(L, index) != LUA_TUSERDATA || luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

/* --- map -------------------------------------------------------------------- */

/* More results than these have no place made for them beforehand: a count may be any number. */
enum { MOST_PLACES = 1 << 16 };

static const char *const map_options[] = {"limit", "return_errors", "on_progress", NULL};

/* What map goes over, at `index`: a list or a count, or, where it returns -1, an iterator. */
static lua_Integer check_source(lua_State *L, const char *function, int index) {
  if (is_iterator(L, index)) return -1;
  if (lua_type(L, index) == LUA_TNUMBER) return sr_check_integer(L, function, index, 1, 0);
  if (!lua_istable(L, index)) return sr_type_error(L, function, index, 1, "list, count or iterator");
  return sr_check_list(L, function, index, 1, map_options);
}

int sr_l_map_source(lua_State *L) {
  lua_settop(L, 2);
  lua_pushinteger(L, check_source(L, luaL_checkstring(L, 1), 2));
  return 1;
}

static SrJoin *open_map(lua_State *L, SrTask *t, lua_Integer total, uint32_t limit, bool keeps_errors) {
  SrJoin *join = sr_join_open(L, t, &map_policy, total);
  join->maps = true;
  join->tracks = !lua_isnil(L, SR_JOIN_TRACKER);
  join->limit = limit;
  join->watches_none = true;
  join->tally.keeps_errors = keeps_errors;
  return join;
}

/* Copies the frame to a coroutine of its own. [-0, +0, m] */
static lua_State *copy_frame(lua_State *L) {
  lua_State *frame = lua_newthread(L);
  sr_anchor_set(L, frame);
  for (int i = 1; i <= SR_JOIN_FRAME; i++) lua_pushvalue(L, i);
  lua_xmove(L, frame, SR_JOIN_FRAME);
  return frame;
}

static int map_asked(lua_State *L, SrTask *t, uint32_t limit, bool keeps_errors) {
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  sr_gather_arrange(L, 0, false, keeps_errors);
  lua_State *frame = copy_frame(L);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  SrJoin *join = open_map(L, t, 0, limit, keeps_errors);
  join->host = frame;
  join->asks = join->block.framed = true;
  sr_place(L, t->rt, &join->block.scope); /* the iterator runs inside: it cannot be asked for later */
  return ask(L, join);
}

/* map(list, count or iterator, fn [, {limit =, return_errors =, on_progress =}]). Waits. */
static int l_map(lua_State *L) {
  bool is_list = lua_istable(L, 1), only_functions;
  lua_Integer total = is_list ? sr_take_list(L, "map", map_options, &only_functions) : check_source(L, "map", 1);
  sr_check_function(L, "map", 2, 2);
  sr_check_options(L, "map", 3, 3, map_options);
  uint32_t limit = sr_check_limit(L, "map", 3, 3);
  bool keeps_errors = sr_gather_flag(L, 3, "return_errors");
  arrange_progress(L);
  SrTask *t = sr_check_wait(L, "map");
  if (total < 0) return map_asked(L, t, limit, keeps_errors);
  sr_gather_arrange(L, total < MOST_PLACES ? total : MOST_PLACES, is_list, keeps_errors);
  SrJoin *join = open_map(L, t, total, limit, keeps_errors);
  join->takes_places = is_list;
  join->counts = !is_list;
  return sr_join_run(L, join, sr_k_gathered);
}

void sr_open_map(lua_State *L) {
  static const luaL_Reg functions[] = {{"map", l_map}, {NULL, NULL}};
  sr_set_functions(L, functions);
}
