/* SPDX-License-Identifier: MIT */
/* Bytes of Redis' protocol. See codec.h. */
#include "redis/codec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/decimal.h"

enum {
  DEEPEST = 16,     /* aggregates within each other */
  SHORTEST = 3,     /* bytes of a reply: its kind and the end of the line */
  NUMBER_SIZE = 48, /* what a number, or a head "$123\r\n" and the end of a line, take as text, with room to spare */
  SMALL = 1024,     /* a command that needs no memory but for its string */
};

/* ---- Reading ------------------------------------------------------------------------------------ */

/* The rest of the line at the cursor, which moves behind it. NULL: it has no end here. */
static const char *take_line(SrRedisCursor *cursor, size_t *length) {
  const char *start = cursor->at;
  const char *stop = memchr(start, '\r', (size_t)(cursor->end - start));
  if (!stop || stop + 1 == cursor->end || stop[1] != '\n') return NULL;
  *length = (size_t)(stop - start);
  cursor->at = stop + 2;
  return start;
}

/* A line that is an integer of at most 18 digits. */
static bool take_integer(SrRedisCursor *cursor, int64_t *value) {
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
static bool push_line(lua_State *L, SrRedisCursor *cursor) {
  size_t length;
  const char *text = take_line(cursor, &length);
  if (text) lua_pushlstring(L, text, length);
  return text != NULL;
}

/* [-0, +1, m] */
static bool push_integer(lua_State *L, SrRedisCursor *cursor) {
  int64_t value;
  if (!take_integer(cursor, &value)) return false;
  lua_pushinteger(L, (lua_Integer)value);
  return true;
}

/* A length, -1 for null, of things that take so many bytes at least. */
static bool take_length(SrRedisCursor *cursor, int64_t least, int64_t *length) {
  return take_integer(cursor, length) && *length >= -1 && *length <= (cursor->end - cursor->at) / least;
}

/* [-0, +1, m] */
static bool push_string(lua_State *L, SrRedisCursor *cursor) {
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

static bool push_reply(lua_State *L, SrRedisCursor *cursor, int depth);

/* [-0, +1, m] */
static bool push_list(lua_State *L, SrRedisCursor *cursor, int depth) {
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
static bool push_map(lua_State *L, SrRedisCursor *cursor, int depth) {
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
static bool push_reply(lua_State *L, SrRedisCursor *cursor, int depth) {
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

bool sr_redis_push_reply(lua_State *L, SrRedisCursor *cursor) {
  return push_reply(L, cursor, 0);
}

/*
** scan(buffer, position): the position behind the reply that begins there, and its value; of an error nil and its
** text. Nothing if that reply is for others to read. [-0, +(0-3), m]
*/
int sr_redis_l_scan(lua_State *L) {
  size_t length;
  const char *buffer = luaL_checklstring(L, 1, &length);
  lua_Integer position = luaL_checkinteger(L, 2);
  if (position < 1 || (lua_Unsigned)position > length) return 0;
  SrRedisCursor cursor = {.at = buffer + position - 1, .end = buffer + length};
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

/* Gives the end. */
static char *put_digits(char *at, lua_Unsigned value) {
  char digits[NUMBER_SIZE];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

/* Writes "$123\r\n" and gives its end. */
static char *put_head(char *at, char kind, size_t length) {
  *at++ = kind;
  at = put_digits(at, length);
  *at++ = '\r', *at++ = '\n';
  return at;
}

static size_t put_integer(char *text, lua_Integer value) {
  char *at = text;
  if (value < 0) *at++ = '-';
  return (size_t)(put_digits(at, value < 0 ? 0 - (lua_Unsigned)value : (lua_Unsigned)value) - text);
}

/* With so many digits that it can be read back. */
static size_t put_float(char *text, double value) {
  snprintf(text, NUMBER_SIZE, "%.17g", value);
  return sr_decimal_plain(text);
}

/* An argument as the server gets it; numbers are written into `text`. NULL: it is neither string nor number. */
static const char *argument(lua_State *L, int index, char *text, size_t *length) {
  if (lua_type(L, index) == LUA_TSTRING) return lua_tolstring(L, index, length);
  if (lua_type(L, index) != LUA_TNUMBER) return NULL;
  if (lua_isinteger(L, index))
    *length = put_integer(text, lua_tointeger(L, index));
  else
    *length = put_float(text, (double)lua_tonumber(L, index));
  return text;
}

int sr_redis_measure(lua_State *L, int first, int last, size_t *total) {
  char text[NUMBER_SIZE];
  *total = NUMBER_SIZE;
  for (int i = first; i <= last; i++) {
    size_t length;
    if (!argument(L, i, text, &length)) return i;
    *total += length + NUMBER_SIZE;
  }
  return 0;
}

/* Writes the values from `first` to `last`. Gives the end. */
static char *put_values(lua_State *L, int first, int last, char *at) {
  char text[NUMBER_SIZE];
  for (int i = first; i <= last; i++) {
    size_t length;
    const char *bytes = argument(L, i, text, &length);
    at = put_head(at, '$', length);
    memcpy(at, bytes, length);
    at += length;
    *at++ = '\r', *at++ = '\n';
  }
  return at;
}

char *sr_redis_put_arguments(lua_State *L, const char *head, size_t length, int first, int last, char *at) {
  at = put_head(at, '*', (size_t)(last - first + 2));
  memcpy(at, head, length);
  return put_values(L, first, last, at + length);
}

/* The command that is on the stack from `first` on. Gives its end. */
static char *put_command(lua_State *L, int first, char *at) {
  int last = lua_gettop(L);
  return put_values(L, first, last, put_head(at, '*', (size_t)(last - first + 1)));
}

/*
** encode(name, ...): the command as the server reads it; nil and which argument is neither string nor number.
** [-0, +(1-2), m]
*/
int sr_redis_l_encode(lua_State *L) {
  size_t total;
  int wrong = sr_redis_measure(L, 1, lua_gettop(L), &total);
  if (wrong > 0) {
    lua_pushnil(L);
    lua_pushinteger(L, wrong - 1);
    return 2;
  }
  char small[SMALL];
  if (total <= SMALL) {
    lua_pushlstring(L, small, (size_t)(put_command(L, 1, small) - small));
    return 1;
  }
  char *start = (char *)lua_newuserdatauv(L, total, 0);
  lua_insert(L, 1); /* below the arguments */
  lua_pushlstring(L, start, (size_t)(put_command(L, 2, start) - start));
  return 1;
}
