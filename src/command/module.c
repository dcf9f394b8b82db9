/* SPDX-License-Identifier: MIT */
/* saros.command.core: the line editor of lua/saros/command. */
#include <lauxlib.h>
#include <lua.h>

#include "base/resident.h"
#include "command/readline.h"
#include "saros.h"

SAROS_EXPORT int luaopen_saros_command_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_command_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"load", sr_command_l_load},         {"begin", sr_command_l_begin},
                                       {"feed", sr_command_l_feed},         {"finish", sr_command_l_finish},
                                       {"remember", sr_command_l_remember}, {NULL, NULL}};
  sr_stay_loaded();
  luaL_newlib(L, functions);
  return 1;
}
