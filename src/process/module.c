/* SPDX-License-Identifier: MIT */
/*
** saros.process.core: child processes and standard streams for lua/saros/process. It knows the runtime and the streams
** only through saros.h, as any other C module would.
*/
#include <lualib.h>

#include "base/platform.h"
#include "base/resident.h"
#include "base/signal.h"
#include "process/process.h"

/* What the system gave; freed by the collector should there be no memory for the strings. */
typedef struct Environment {
  const SrIoClass *cls;
  uv_env_item_t *items;
  int count;
} Environment;

static const SrIoClass environment_class = {"environment"};

static int l_environment_gc(lua_State *L) {
  Environment *environment = (Environment *)sr_io_self(L, &environment_class, "environment:__gc");
  if (environment->items != NULL) uv_os_free_environ(environment->items, environment->count);
  environment->items = NULL;
  return 0;
}

/* environment(): the variables that a child inherits, by name */
static int l_environment(lua_State *L) {
  lua_settop(L, 0);
  Environment *environment = (Environment *)sr_io_new(L, &environment_class, sizeof *environment, 0);
  if (uv_os_environ(&environment->items, &environment->count) != 0) {
    environment->items = NULL;
    return luaL_error(L, "not enough memory");
  }
  lua_createtable(L, 0, environment->count);
  for (int i = 0; i < environment->count; i++) {
    lua_pushstring(L, environment->items[i].name);
    lua_pushstring(L, environment->items[i].value);
    lua_rawset(L, -3);
  }
  lua_pushcfunction(L, l_environment_gc);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  return 1;
}

/* signal(name): its number; nil: there is no signal of that name */
static int l_signal(lua_State *L) {
  int number = sr_signal_number(luaL_checkstring(L, 1));
  if (number == 0) return 0;
  lua_pushinteger(L, number);
  return 1;
}

/* descriptor(value): that of a stream, or of a file of Lua's io; nil: it has none, false: it is neither */
static int l_descriptor(lua_State *L) {
  saros_stream *stream = sr_process_streams->test(L, 1);
  const luaL_Stream *file = (const luaL_Stream *)luaL_testudata(L, 1, LUA_FILEHANDLE);
  int fd = -1;
  if (stream != NULL)
    fd = sr_process_descriptor(stream);
  else if (file == NULL)
    return lua_pushboolean(L, 0), 1;
  else if (file->closef != NULL)
    fd = sr_descriptor_of_file(file->f);
  if (fd < 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

/* reopen(fd): another descriptor for the same thing, which blocks; nil: there is no such thing */
static int l_reopen(lua_State *L) {
  int fd = sr_descriptor_reopen((int)luaL_checkinteger(L, 1));
  if (fd < 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

/* unblock(fd): it was a child's, too, and is ours alone again */
static int l_unblock(lua_State *L) {
  sr_descriptor_unblock((int)luaL_checkinteger(L, 1));
  return 0;
}

/* terminal(fd): how many columns it has; nil: it is no terminal */
static int l_terminal(lua_State *L) {
  int width = sr_terminal_width((int)luaL_checkinteger(L, 1));
  if (width == 0) return 0;
  lua_pushinteger(L, width);
  return 1;
}

/* close(fd) */
static int l_close(lua_State *L) {
  SrDescriptor own = sr_descriptor_own((int)luaL_checkinteger(L, 1));
  sr_descriptor_release(&own);
  return 0;
}

SAROS_EXPORT int luaopen_saros_process_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_process_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"spawn", sr_process_l_spawn},  {"standard", sr_process_l_standard},
                                       {"environment", l_environment}, {"signal", l_signal},
                                       {"descriptor", l_descriptor},   {"reopen", l_reopen},
                                       {"unblock", l_unblock},         {"close", l_close},
                                       {"terminal", l_terminal},       {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}}, meta[] = {{"__gc", l_environment_gc}, {NULL, NULL}};
  sr_stay_loaded();
  sr_io_saros = saros_open(L);
  sr_process_streams = saros_open_streams(L);
  sr_process_context(L);
  sr_process_open_child(L);
  sr_io_class(L, &environment_class, none, meta);
  luaL_newlib(L, functions);
  return 1;
}
