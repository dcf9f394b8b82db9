/* SPDX-License-Identifier: MIT */
/* Traces across tasks, as values. See chain.h. */
#include "runtime/chain.h"

enum { LINK_STACK = 1, LINK_INNER, LINK_COUNT, LINK_HEAD };

/* The stacks at each end of a chain that are shown; those between are counted. */
enum { MAX_STACKS = 50 };

const char sr_awaited_by[] = "\nawaited by:\n";

/* The number of stacks of the trace at `index`. */
static lua_Integer count_stacks(lua_State *L, int index) {
  if (!lua_istable(L, index)) return 1;
  lua_rawgeti(L, index, LINK_COUNT);
  lua_Integer count = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return count;
}

/* For a link around the trace at `index`, which has `count` stacks: pushes the innermost ones, nil if those are few. */
static void push_head(lua_State *L, int index, lua_Integer count) {
  if (count < MAX_STACKS)
    lua_pushnil(L);
  else if (count == MAX_STACKS)
    sr_push_trace_text(L, index);
  else
    lua_rawgeti(L, index, LINK_HEAD);
}

void sr_add_link(lua_State *L, int index) {
  if (lua_isnil(L, index)) {
    lua_replace(L, index); /* there was no memory for that one */
    return;
  }
  lua_Integer count = count_stacks(L, index);
  push_head(L, index, count);
  lua_createtable(L, lua_isnil(L, -1) ? LINK_COUNT : LINK_HEAD, 0);
  lua_insert(L, -3);
  lua_rawseti(L, -3, LINK_HEAD);
  lua_rawseti(L, -2, LINK_STACK);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, LINK_INNER);
  lua_pushinteger(L, count + 1);
  lua_rawseti(L, -2, LINK_COUNT);
  lua_replace(L, index);
}

/* Pushes a list of the `count` outermost stacks of the trace at `index`, from the inside out. */
static void push_stacks(lua_State *L, int index, lua_Integer count) {
  lua_createtable(L, (int)count, 0);
  lua_pushvalue(L, index);
  for (lua_Integer i = count; i >= 1; i--) {
    bool is_link = lua_istable(L, -1);
    if (is_link)
      lua_rawgeti(L, -1, LINK_STACK);
    else
      lua_pushvalue(L, -1);
    lua_rawseti(L, -3, i);
    if (!is_link) break;
    lua_rawgeti(L, -1, LINK_INNER);
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
}

/* Adds the inner end of the trace at `index`, of which `left_out` stacks are not shown. */
static void add_head(lua_State *L, luaL_Buffer *buffer, int index, lua_Integer left_out) {
  lua_rawgeti(L, index, LINK_HEAD);
  luaL_addvalue(buffer);
  luaL_addstring(buffer, sr_awaited_by);
  if (left_out == 0) return;
  lua_pushfstring(L, "(%I more tasks)%s", (LUAI_UACINT)left_out, sr_awaited_by);
  luaL_addvalue(buffer);
}

void sr_push_trace_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_Integer count = count_stacks(L, index), outer = count - MAX_STACKS;
  if (count == 1) {
    lua_pushvalue(L, index);
    return;
  }
  lua_Integer shown = outer <= 0 ? count : outer < MAX_STACKS ? outer : MAX_STACKS;
  push_stacks(L, index, shown);
  int stacks = lua_gettop(L);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  if (outer > 0) add_head(L, &buffer, index, outer - shown);
  for (lua_Integer i = 1; i <= shown; i++) {
    if (i > 1) luaL_addstring(&buffer, sr_awaited_by);
    lua_rawgeti(L, stacks, i);
    luaL_addvalue(&buffer);
  }
  luaL_pushresult(&buffer);
  lua_replace(L, stacks);
}
