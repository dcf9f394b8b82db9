/* SPDX-License-Identifier: MIT */
/*
** saros.redis.core: the short way through Redis' protocol, for lua/saros/redis. Commands are written here; of replies
** those are read that are wholly in a chunk and made of what is common. What is cut off, rare or wrong is left to
** lua/saros/redis/resp.lua, which knows everything: nothing is kept from call to call.
*/
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/resident.h"
#include "saros.h"

enum {
  DEEPEST = 16,     /* aggregates within each other */
  SHORTEST = 3,     /* bytes of a reply: its kind and the end of the line */
  NUMBER_SIZE = 32, /* what a number or a head "$123\r\n" takes as text, with room to spare */
};

/* ---- Reading ------------------------------------------------------------------------------------ */

typedef struct Cursor {
  const char *at, *end;
} Cursor;

/* The rest of the line at the cursor, which moves behind it. NULL: it has no end here. */
static const char *take_line(Cursor *cursor, size_t *length) {
  const char *start = cursor->at;
  const char *stop = memchr(start, '\r', (size_t)(cursor->end - start));
  if (!stop || stop + 1 == cursor->end || stop[1] != '\n') return NULL;
  *length = (size_t)(stop - start);
  cursor->at = stop + 2;
  return start;
}

/* A line that is an integer of at most 18 digits. */
static bool take_integer(Cursor *cursor, int64_t *value) {
  size_t length;
  const char *text = take_line(cursor, &length);
  if (!text) return false;
  bool negative = length > 0 && *text == '-';
  if (negative) text++, length--;
  if (length == 0 || length > 18) return false;
  int64_t total = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    total = total * 10 + (text[i] - '0');
  }
  *value = negative ? -total : total;
  return true;
}

/* [-0, +1, m] */
static bool push_line(lua_State *L, Cursor *cursor) {
  size_t length;
  const char *text = take_line(cursor, &length);
  if (text) lua_pushlstring(L, text, length);
  return text != NULL;
}

/* [-0, +1, m] */
static bool push_integer(lua_State *L, Cursor *cursor) {
  int64_t value;
  if (!take_integer(cursor, &value)) return false;
  lua_pushinteger(L, (lua_Integer)value);
  return true;
}

/* A length, -1 for null, of things that take so many bytes at least. */
static bool take_length(Cursor *cursor, int64_t least, int64_t *length) {
  return take_integer(cursor, length) && *length >= -1 && *length <= (cursor->end - cursor->at) / least;
}

/* [-0, +1, m] */
static bool push_string(lua_State *L, Cursor *cursor) {
  int64_t length;
  if (!take_length(cursor, 1, &length)) return false;
  if (length < 0) {
    lua_pushnil(L);
    return true;
  }
  const char *stop = cursor->at + length;
  if (cursor->end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') return false;
  lua_pushlstring(L, cursor->at, (size_t)length);
  cursor->at = stop + 2;
  return true;
}

static bool push_reply(lua_State *L, Cursor *cursor, int depth);

/* [-0, +1, m] */
static bool push_list(lua_State *L, Cursor *cursor, int depth) {
  int64_t length;
  bool has_null = false;
  if (depth > DEEPEST || !take_length(cursor, SHORTEST, &length)) return false;
  if (length < 0) {
    lua_pushnil(L);
    return true;
  }
  luaL_checkstack(L, 4, "a reply is nested too deeply");
  lua_createtable(L, (int)(length < INT32_MAX ? length : 0), 0);
  for (int64_t i = 1; i <= length; i++) {
    if (!push_reply(L, cursor, depth)) return false;
    has_null = has_null || lua_isnil(L, -1);
    lua_rawseti(L, -2, (lua_Integer)i);
  }
  if (has_null) {
    lua_pushinteger(L, (lua_Integer)length);
    lua_setfield(L, -2, "n");
  }
  return true;
}

/* [-0, +1, m] */
static bool push_map(lua_State *L, Cursor *cursor, int depth) {
  int64_t length;
  if (depth > DEEPEST || !take_length(cursor, 2 * SHORTEST, &length) || length < 0) return false;
  luaL_checkstack(L, 4, "a reply is nested too deeply");
  lua_createtable(L, 0, (int)(length < INT32_MAX ? length : 0));
  for (int64_t i = 0; i < length; i++) {
    if (!push_reply(L, cursor, depth) || lua_isnil(L, -1)) return false;
    if (!push_reply(L, cursor, depth)) return false;
    lua_rawset(L, -3);
  }
  return true;
}

/* Pushes the reply at the cursor, which moves behind it. Where that fails, anything may be on the stack. [-0, +1, m] */
static bool push_reply(lua_State *L, Cursor *cursor, int depth) {
  if (cursor->at == cursor->end) return false;
  switch (*cursor->at++) {
  case '+': return push_line(L, cursor);
  case ':': return push_integer(L, cursor);
  case '$': return push_string(L, cursor);
  case '*':
  case '~': return push_list(L, cursor, depth + 1);
  case '%': return push_map(L, cursor, depth + 1);
  case '_':
    lua_pushnil(L);
    return cursor->end - cursor->at >= 2 && memcmp(cursor->at, "\r\n", 2) == 0 && (cursor->at += 2);
  default: return false;
  }
}

/*
** scan(buffer, position): the position behind the reply that begins there, and its value; of an error nil and its
** text. Nothing if that reply is for others to read. [-0, +(0-3), m]
*/
static int l_scan(lua_State *L) {
  size_t length;
  const char *buffer = luaL_checklstring(L, 1, &length);
  lua_Integer position = luaL_checkinteger(L, 2);
  if (position < 1 || (lua_Unsigned)position > length) return 0;
  Cursor cursor = {.at = buffer + position - 1, .end = buffer + length};
  bool is_error = *cursor.at == '-';
  lua_settop(L, 2);
  lua_pushnil(L); /* the position */
  if (is_error) {
    cursor.at++;
    lua_pushnil(L);
  }
  if (!(is_error ? push_line(L, &cursor) : push_reply(L, &cursor, 0))) return 0;
  lua_pushinteger(L, (lua_Integer)(cursor.at - buffer) + 1);
  lua_replace(L, 3);
  return is_error ? 3 : 2;
}

/* ---- Writing ------------------------------------------------------------------------------------ */

/* An argument as the server gets it; numbers are written into `text`. NULL: it is neither string nor number. */
static const char *argument(lua_State *L, int index, char *text, size_t *length) {
  if (lua_type(L, index) == LUA_TSTRING) return lua_tolstring(L, index, length);
  if (lua_type(L, index) != LUA_TNUMBER) return NULL;
  int written = lua_isinteger(L, index)
                    ? snprintf(text, NUMBER_SIZE, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, index))
                    : snprintf(text, NUMBER_SIZE, "%.17g", (double)lua_tonumber(L, index));
  *length = (size_t)written;
  return text;
}

static void add_head(luaL_Buffer *buffer, char kind, size_t length) {
  char text[NUMBER_SIZE], *at = text + NUMBER_SIZE;
  *--at = '\n', *--at = '\r';
  do *--at = (char)('0' + length % 10);
  while ((length /= 10) > 0);
  *--at = kind;
  luaL_addlstring(buffer, at, (size_t)(text + NUMBER_SIZE - at));
}

/* What the arguments take at most, or the first one that is none as a negative number. */
static int measure(lua_State *L, int count, size_t *total) {
  char text[NUMBER_SIZE];
  *total = NUMBER_SIZE;
  for (int i = 1; i <= count; i++) {
    size_t length;
    if (!argument(L, i, text, &length)) return i;
    *total += length + NUMBER_SIZE;
  }
  return 0;
}

/* encode(name, ...): the command as the server reads it; nil and which argument is neither string nor number.
** [-0, +(1-2), m] */
static int l_encode(lua_State *L) {
  int count = lua_gettop(L);
  size_t total;
  int wrong = measure(L, count, &total);
  if (wrong > 0) {
    lua_pushnil(L);
    lua_pushinteger(L, wrong - 1);
    return 2;
  }
  luaL_Buffer buffer;
  char text[NUMBER_SIZE];
  luaL_buffinitsize(L, &buffer, total);
  add_head(&buffer, '*', (size_t)count);
  for (int i = 1; i <= count; i++) {
    size_t length;
    const char *bytes = argument(L, i, text, &length);
    add_head(&buffer, '$', length);
    luaL_addlstring(&buffer, bytes, length);
    luaL_addlstring(&buffer, "\r\n", 2);
  }
  luaL_pushresult(&buffer);
  return 1;
}

SAROS_EXPORT int luaopen_saros_redis_core(lua_State *L);

/* [-0, +1, m] */
int luaopen_saros_redis_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"scan", l_scan}, {"encode", l_encode}, {NULL, NULL}};
  sr_stay_loaded();
  luaL_newlib(L, functions);
  return 1;
}
