/* SPDX-License-Identifier: MIT */
/* Task groups as Lua sees them: task_group and the methods of a group. */
#include "combine/group.h"
#include "combine/group_start.h"
#include "combine/items.h"

/* group:cancel([reason]): cancels all of it, the block included; whether that was news */
static int l_cancel(lua_State *L) {
  SrGroup *group = sr_group_alive(L, "group:cancel");
  lua_pushboolean(L, group != NULL && sr_scope_cancel_reason(L, &group->block.scope, 2));
  return 1;
}

/* group:close(), __close(group, err): waits for all of it */
static int l_close(lua_State *L) {
  SrGroup *group = sr_group_alive(L, "group:close");
  if (group == NULL) return 0;
  SrTask *t = sr_check_wait(L, "group:close");
  if (group->block.task != t) return luaL_error(L, "group:close: it belongs to another task");
  sr_block_check_leave(L, &group->block, "group:close");
  lua_settop(L, SR_GROUP_FRAME);
  group->has_error = !lua_isnil(L, SR_GROUP_ERROR);
  return sr_group_leave(L, group);
}

/* --- task_group ------------------------------------------------------------- */

static int k_body(lua_State *L, int status, lua_KContext ctx) {
  SrGroup *group = (SrGroup *)ctx;
  group->has_error = status != LUA_OK && status != LUA_YIELD;
  if (group->has_error) {
    lua_replace(L, SR_GROUP_ERROR);
    lua_settop(L, SR_GROUP_HANDLER);
  }
  return sr_group_leave(L, group);
}

typedef struct Options {
  uint32_t limit; /* as in a group */
  bool collects;
} Options;

static void read_options(lua_State *L, Options *options) {
  static const char *const known[] = {"limit", "cancel_on_error", NULL};
  sr_check_options(L, "task_group", 1, 1, known);
  uint32_t limit = sr_check_limit(L, "task_group", 1, 1);
  if (limit != UINT32_MAX) options->limit = limit;
  if (lua_getfield(L, 1, "cancel_on_error") != LUA_TNIL) options->collects = !lua_toboolean(L, -1);
  lua_pop(L, 1);
}

/* Takes what stands for options, a table or nil, from the front of the arguments: task_group([options,] [fn]). */
static bool take_options(lua_State *L, Options *options) {
  if (!lua_istable(L, 1) && !lua_isnil(L, 1)) return false;
  if (lua_istable(L, 1)) read_options(L, options);
  lua_remove(L, 1);
  return true;
}

/* task_group([options] [, fn]): with a function, its results once every task of the group has ended. Waits then. */
static int l_task_group(lua_State *L) {
  Options options = {.limit = 0};
  int number = take_options(L, &options) ? 2 : 1;
  if (!lua_isnoneornil(L, 1)) sr_check_function(L, "task_group", 1, number);
  if (lua_istable(L, 2)) sr_arg_error(L, "task_group", number + 1, "the options come before the function");
  SrTask *t = sr_check_wait(L, "task_group");
  lua_settop(L, 1);
  SrGroup *group = sr_push_group(L, t, options.limit, options.collects);
  if (lua_isnil(L, 1)) return 1;
  lua_KContext ctx = (lua_KContext)group;
  group->block.framed = true;
  lua_insert(L, SR_GROUP_SELF);
  lua_pushnil(L);
  lua_insert(L, SR_GROUP_ERROR);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_insert(L, SR_GROUP_HANDLER);
  lua_pushvalue(L, SR_GROUP_SELF);
  return k_body(L, lua_pcallk(L, 1, LUA_MULTRET, SR_GROUP_HANDLER, ctx, k_body), ctx);
}

/* tostring(group): task group (3 tasks running, 1 failed) */
static int l_tostring(lua_State *L) {
  const SrGroup *group = sr_group_alive(L, "tostring");
  if (group == NULL) return lua_pushliteral(L, "task group (closed)"), 1;
  unsigned running = (unsigned)group->block.running;
  lua_pushfstring(L, "task group (%d %s running, %d failed%s)", (int)running, running == 1 ? "task" : "tasks",
                  (int)group->failed, group->block.scope.cause != NULL ? ", cancelled" : "");
  return 1;
}

void sr_open_group(lua_State *L) {
  static const luaL_Reg functions[] = {{"task_group", l_task_group}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"spawn", sr_l_group_spawn}, {"start", sr_l_group_start}, {"cancel", l_cancel}, {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &sr_group_class, methods, meta);
  lua_pop(L, 1);
  sr_open_group_start(L);
}
