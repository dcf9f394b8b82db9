/* SPDX-License-Identifier: MIT */
/* Traces across tasks, as values. See chain.h. */
#include "runtime/chain.h"

enum { LINK_STACK = 1, LINK_INNER };

/* The stacks at each end of a chain that are shown; those between are counted. */
enum { MAX_STACKS = 50 };

const char sr_awaited_by[] = "\nawaited by:\n";

void sr_add_link(lua_State *L, int index) {
  if (lua_isnil(L, index)) {
    lua_replace(L, index); /* there was no memory for that one */
    return;
  }
  lua_createtable(L, LINK_INNER, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, LINK_STACK);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, LINK_INNER);
  lua_replace(L, index);
}

/* The number of links of the trace on top. */
static lua_Integer count_links(lua_State *L) {
  lua_Integer count = 0;
  lua_pushvalue(L, -1);
  for (; lua_istable(L, -1); count++) {
    lua_rawgeti(L, -1, LINK_INNER);
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
  return count;
}

/* Pushes a list of the stacks that are shown, those of the trace on top, which has `links`, from the inside out. */
static void push_stacks(lua_State *L, lua_Integer links) {
  lua_Integer last = links < 2 * MAX_STACKS ? links + 1 : 2 * MAX_STACKS;
  lua_createtable(L, (int)last, 0);
  lua_pushvalue(L, -2);
  for (lua_Integer left = links; left >= 0; left--) {
    bool is_link = lua_istable(L, -1);
    if (is_link)
      lua_rawgeti(L, -1, LINK_STACK);
    else
      lua_pushvalue(L, -1);
    if (left >= links - MAX_STACKS + 1)
      lua_rawseti(L, -3, last - (links - left));
    else if (left < MAX_STACKS)
      lua_rawseti(L, -3, left + 1);
    else
      lua_pop(L, 1);
    if (!is_link) break;
    lua_rawgeti(L, -1, LINK_INNER);
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
}

void sr_push_trace_text(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_Integer links = count_links(L), left_out = links + 1 - 2 * MAX_STACKS;
  if (links == 0) return;
  push_stacks(L, links);
  int stacks = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, stacks);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) luaL_addstring(&buffer, sr_awaited_by);
    if (i == MAX_STACKS + 1 && left_out > 0) {
      lua_pushfstring(L, "(%I more tasks)%s", (LUAI_UACINT)left_out, sr_awaited_by);
      luaL_addvalue(&buffer);
    }
    lua_rawgeti(L, stacks, i);
    luaL_addvalue(&buffer);
  }
  luaL_pushresult(&buffer);
  lua_replace(L, stacks - 1);
  lua_pop(L, 1);
}
