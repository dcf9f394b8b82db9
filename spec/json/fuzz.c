/* SPDX-License-Identifier: MIT */
/*
** The fuzzer of the room json: what can be read can be written, and read again as the same. A text of numbers that are
** not finite, as 1e999 is, is the only one that can be read and not be written. It is a target of libFuzzer.
*/
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "json/api.h"
#include "json/decode.h"
#include "json/encode.h"

enum { DECODE = 1, ENCODE, GIVEN };

static void push_error(lua_State *L, const char *name, const char *code, const char *format, ...) {
  va_list arguments;
  (void)name, (void)code;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
}

/* As saros.json makes them. */
static void push_function(lua_State *L, lua_CFunction function) {
  for (int i = 0; i < 3; i++) lua_newtable(L);
  lua_pushliteral(L, "array");
  lua_setfield(L, -3, "__jsontype");
  lua_pushcclosure(L, function, 3);
}

static lua_State *new_state(void) {
  static saros_api api;
  api.push_error = push_error;
  sr_json_saros = &api;
  lua_State *L = luaL_newstate();
  lua_gc(L, LUA_GCINC, 100, 1000, 4); /* often, as whatever is not held has to show */
  push_function(L, sr_json_l_decode);
  push_function(L, sr_json_l_encode);
  return L;
}

/* The value on top gives way to what the function makes of it; false: to an error. */
static bool turn(lua_State *L, int function) {
  lua_pushvalue(L, function);
  lua_insert(L, -2);
  return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

static void check(lua_State *L) {
  if (!turn(L, DECODE)) return;
  if (!turn(L, ENCODE)) {
    if (strstr(lua_tostring(L, -1), "not finite") == NULL) abort();
    return;
  }
  lua_pushvalue(L, -1);
  if (!turn(L, DECODE) || !turn(L, ENCODE) || !lua_rawequal(L, -1, -2)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = new_state();
  lua_settop(L, GIVEN - 1);
  lua_pushlstring(L, (const char *)data, size);
  check(L);
  return 0;
}
