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

void sr_open_checkpoint(lua_State *L) {
  static const luaL_Reg functions[] = {{"checkpoint", l_checkpoint}, {NULL, NULL}};
  sr_set_functions(L, functions);
}
