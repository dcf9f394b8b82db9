/* SPDX-License-Identifier: MIT */
/* resume and wrap that tell, see tracked.h. Lua's own do the work. */
#include "thread/tracked.h"

#include <lauxlib.h>
#include <lualib.h>

#include "thread/library.h"

/* Upvalues of both: where it is told, and Lua's resume. A wrapped one has its coroutine besides, and Lua's close. */
enum { UP_RUNNING = 1, UP_RESUME, UP_COROUTINE, UP_CLOSE };

/* Calls Lua's resume with what is on the stack, from 1 on a coroutine. Leaves what that returns. */
static int resume(lua_State *L) {
  lua_State **running = (lua_State **)lua_touserdata(L, lua_upvalueindex(UP_RUNNING));
  lua_State *former = *running, *co = lua_tothread(L, 1);
  if (co == NULL) luaL_typeerror(L, 1, "coroutine");
  lua_pushvalue(L, lua_upvalueindex(UP_RESUME));
  lua_insert(L, 1);
  *running = co;
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  *running = former;
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* Raises the error on top, with the place if it is a string, once the coroutine is closed. */
static int raise_from(lua_State *L) {
  int error = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(UP_CLOSE));
  lua_pushvalue(L, lua_upvalueindex(UP_COROUTINE));
  if (lua_pcall(L, 1, 2, 0) == LUA_OK && !lua_toboolean(L, error + 1) && !lua_isnil(L, error + 2))
    lua_replace(L, error);
  lua_settop(L, error);
  if (lua_type(L, error) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, error);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int l_wrapped(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(UP_COROUTINE));
  lua_insert(L, 1);
  int count = resume(L);
  return lua_toboolean(L, 1) ? count - 1 : raise_from(L);
}

static int l_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  int thread = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(UP_RUNNING));
  lua_pushvalue(L, lua_upvalueindex(UP_RESUME));
  lua_pushvalue(L, thread);
  lua_pushvalue(L, lua_upvalueindex(UP_COROUTINE)); /* of wrap itself: Lua's close */
  lua_pushcclosure(L, l_wrapped, UP_CLOSE);
  return 1;
}

void sr_thread_track(lua_State *L, lua_State **running) {
  int top = lua_gettop(L), library = top + 1;
  sr_thread_push_loaded(L);
  lua_getfield(L, -1, LUA_COLIBNAME);
  lua_replace(L, library);
  lua_pushlightuserdata(L, (void *)running);
  lua_getfield(L, library, "resume");
  lua_getfield(L, library, "close");
  lua_pushcclosure(L, l_wrap, UP_COROUTINE);
  lua_setfield(L, library, "wrap");
  lua_pushlightuserdata(L, (void *)running);
  lua_getfield(L, library, "resume");
  lua_pushcclosure(L, resume, UP_RESUME);
  lua_setfield(L, library, "resume");
  lua_settop(L, top);
}
