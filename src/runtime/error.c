/* SPDX-License-Identifier: MIT */
/* Error objects. See error.h. */
#include "runtime/error.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/stack.h"

const char sr_error_key;

void sr_push_error(lua_State *L, const char *name, const char *code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  lua_createtable(L, 0, 6);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_setfield(L, -2, "message");
  sr_push_here(L);
  lua_setfield(L, -2, "traceback");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_error_key);
  lua_setmetatable(L, -2);
}

bool sr_is_error(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_error_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

static int l_to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

void sr_push_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushcfunction(L, l_to_text);
  lua_pushvalue(L, index);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "(a %s whose __tostring fails)", luaL_typename(L, index));
}

/* --- GroupError ------------------------------------------------------------- */

/* Where one of the errors is nil, the length of the list is no use: then it has `n`. */
static void count_errors(lua_State *L, int errors, uint32_t count) {
  bool has_nil = false;
  for (uint32_t i = 1; i <= count && !has_nil; i++) {
    has_nil = lua_rawgeti(L, errors, i) == LUA_TNIL;
    lua_pop(L, 1);
  }
  if (!has_nil) return;
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, errors, "n");
}

/* As much of the text of an error as the message of a GroupError quotes: half of it from either end. */
enum { MAX_QUOTED = 1000 };

/* The end of the first `length` bytes of a text, or before it where that would cut a character of UTF-8. */
static size_t whole_characters(const char *text, size_t length) {
  while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
  return length;
}

/*
** Cuts the text on top. Groups nest, and each quotes the one inside: uncut, the messages of deep ones would be as long
** as they are deep. The end is what the innermost error says.
*/
static void shorten(lua_State *L) {
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (length <= MAX_QUOTED) return;
  size_t head = whole_characters(text, MAX_QUOTED / 2), tail = whole_characters(text, length - MAX_QUOTED / 2);
  lua_pushlstring(L, text, head);
  lua_pushliteral(L, " ... ");
  lua_pushlstring(L, text + tail, length - tail);
  lua_concat(L, 3);
  lua_replace(L, -2);
}

/* `one`: what has failed if the list has one error. [-0, +1, m] */
static void push_message(lua_State *L, int errors, uint32_t count, const char *one) {
  count_errors(L, errors, count);
  lua_rawgeti(L, errors, 1);
  sr_push_text(L, -1);
  shorten(L);
  const char *first = lua_tostring(L, -1);
  if (count == 1)
    lua_pushfstring(L, "%s of the group failed: %s", one, first);
  else
    lua_pushfstring(L, "%I tasks of the group failed, the first: %s", (LUAI_UACINT)count, first);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static void push_group_error(lua_State *L, int errors, uint32_t count, const char *one) {
  push_message(L, errors, count, one);
  sr_push_error(L, "GroupError", "EGROUP", "%s", lua_tostring(L, -1));
  lua_pushvalue(L, errors);
  lua_setfield(L, -2, "errors");
  lua_replace(L, -2);
}

void sr_push_group_message(lua_State *L, int errors, uint32_t count) {
  push_message(L, errors, count, "a task");
}

void sr_push_group_error(lua_State *L, int errors, uint32_t count) {
  push_group_error(L, errors, count, "a task");
}

void sr_push_block_error(lua_State *L, int errors) {
  push_group_error(L, errors, 1, "the block");
}
