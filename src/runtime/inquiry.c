/* SPDX-License-Identifier: MIT */
/* A signal that asks for the tree of tasks. See inquiry.h. */
#include "runtime/inquiry.h"

#include <stdio.h>

#include "base/signal.h"
#include "runtime/tree.h"

/* The run that answers: one in the process, as its handler is. */
static SrRuntime *answering;

/* --- the answer ------------------------------------------------------------- */

static int l_write_tree(lua_State *L) {
  lua_settop(L, 0);
  sr_l_tree(L);
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  fflush(stderr);
  return 0;
}

void sr_inquiry_answer(lua_State *L, SrRuntime *rt) {
  rt->inquiry.is_pending = 0;
  sr_protected(L, l_write_tree, 0, 0);
}

/* Runs in the Lua code that the signal found running, or in a coroutine that was made by that just now. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  SrRuntime *rt = sr_find_runtime(L);
  lua_sethook(L, rt->inquiry.hook, rt->inquiry.mask, rt->inquiry.count);
  if (rt->inquiry.is_pending) sr_inquiry_answer(L, rt);
}

/* --- the handler ------------------------------------------------------------ */

static void hook(SrRuntime *rt, lua_State *co) {
  if (lua_gethook(co) == on_hook) return;
  rt->inquiry.hook = lua_gethook(co);
  rt->inquiry.mask = lua_gethookmask(co);
  rt->inquiry.count = lua_gethookcount(co);
  lua_sethook(co, on_hook, LUA_MASKCOUNT, 1);
}

static void on_signal(bool is_here) {
  SrRuntime *rt = answering;
  if (rt == NULL || rt->loop.poller == NULL) return;
  rt->inquiry.is_pending = 1;
  if (is_here && rt->current != NULL && rt->current->co != NULL) hook(rt, rt->current->co);
  uv_async_send(&rt->loop.poller->signal);
}

void sr_inquiry_end(SrRuntime *rt) {
  if (!rt->inquiry.is_open) return;
  sr_signal_unwatch();
  answering = NULL;
  rt->inquiry.is_open = false;
  rt->inquiry.is_pending = 0;
}

int sr_l_answer_signal(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  int number = sr_signal_number(luaL_checkstring(L, 1));
  if (number == 0) return luaL_argerror(L, 1, "there is no such signal");
  if (!rt->is_running) return luaL_error(L, "answer_signal: no loop is running");
  rt->inquiry.is_open = rt->inquiry.is_open || sr_signal_watch(number, on_signal);
  if (rt->inquiry.is_open) answering = rt;
  lua_pushboolean(L, rt->inquiry.is_open);
  return 1;
}
