/* SPDX-License-Identifier: MIT */
/* checkpoint: the beginning of an await that is written in Lua. */
#include "sync/sync.h"

/*
** checkpoint(name): an await, of that name in messages, for what is there already. Raises where nobody
** can wait and if the task is cancelled; now and then it gives the others a turn.
*/
static int l_checkpoint(lua_State *L) {
  SrTask *t = sr_check_wait(L, luaL_checkstring(L, 1));
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  return sr_return(L, t, 0);
}

/* may_wait(): whether the caller can be suspended here */
static int l_may_wait(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  lua_pushboolean(L, t != NULL && t->co == L && lua_isyieldable(L));
  return 1;
}

static int k_left(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  sr_was_woken(L, t);
  if (t->scope.cause == NULL) return luaL_error(L, "yield: the loop of the generator was left");
  return sr_throw_cancelled(L, t, t->scope.cause);
}

/* raise_left(): the cancellation of the calling task, in a shield too, after a turn of the others */
static int l_raise_left(lua_State *L) {
  SrTask *t = sr_check_wait(L, "yield");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  return sr_turn(L, t, k_left, (lua_KContext)t);
}

void sr_open_checkpoint(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"checkpoint", l_checkpoint}, {"may_wait", l_may_wait}, {"raise_left", l_raise_left}, {NULL, NULL}};
  sr_set_functions(L, functions);
}
