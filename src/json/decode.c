/* SPDX-License-Identifier: MIT */
/*
** JSON read, see decode.h.
**
** Invariant: the byte at the cursor may be looked at, as a NUL follows the text. No other NUL is part of JSON, so
** whoever meets one asks where it is only to say what is wrong.
*/
#include "json/decode.h"

#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json/api.h"
#include "json/text.h"

typedef struct Reader {
  lua_State *L;
  const char *start, *end; /* of the text, without a byte order mark */
  const char *at;          /* the cursor */
  int depth;               /* of tables that are not complete */
} Reader;

enum {
  EXACT = 18,      /* digits that an integer holds whatever they are */
  NUMBER_SIZE = 64 /* a longer one needs memory of Lua */
};

static void read_value(Reader *reader);

/* --- what is wrong -------------------------------------------------------------------- */

static void fail(const Reader *reader, const char *what, const char *at) {
  lua_State *L = reader->L;
  sr_json_saros->push_error(L, "JSONError", "EJSON", "invalid JSON: %s at character %I", what,
                            (LUAI_UACINT)(at - reader->start) + 1);
  lua_error(L);
}

/* Something else stands at the cursor. */
static void refuse(const Reader *reader, const char *expected) {
  unsigned char byte = (unsigned char)*reader->at;
  const char *what;
  if (reader->at == reader->end)
    what = lua_pushfstring(reader->L, "expected %s but found the end", expected);
  else if (byte < ' ')
    what = "invalid control character";
  else if (byte < 0x7f)
    what = lua_pushfstring(reader->L, "expected %s but found '%c'", expected, byte);
  else
    what = lua_pushfstring(reader->L, "expected %s but found something else", expected);
  fail(reader, what, reader->at);
}

/* --- strings ---------------------------------------------------------------------------- */

/* How many bytes from the cursor on stand for themselves. */
static size_t plain(const Reader *reader) {
  size_t count = 0, left = (size_t)(reader->end - reader->at);
  do count += sr_json_plain(reader->at + count, left - count);
  while (count < left && reader->at[count] == 0x7f && ++count);
  return count;
}

/* Four hexadecimal digits, or -1. */
static int read_hex(const char *at) {
  int value = 0;
  for (int i = 0; i < 4; i++) {
    int byte = at[i], letter = byte | 0x20;
    if (byte >= '0' && byte <= '9')
      value = value * 16 + (byte - '0');
    else if (letter >= 'a' && letter <= 'f')
      value = value * 16 + (letter - 'a' + 10);
    else
      return -1;
  }
  return value;
}

static void add_utf8(luaL_Buffer *out, int code) {
  static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
  if (code < 0x80) {
    luaL_addchar(out, (char)code);
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes behind the first one */
  luaL_addchar(out, (char)(leads[more] | code >> 6 * more));
  while (more-- > 0) luaL_addchar(out, (char)(0x80 | (code >> 6 * more & 0x3f)));
}

/* \uXXXX, or two of them that stand for one character. */
static void read_unicode(Reader *reader, luaL_Buffer *out) {
  const char *at = reader->at;
  int code = read_hex(at + 2), size = 6;
  if (code >= 0xd800 && code < 0xdc00 && at[6] == '\\' && at[7] == 'u') {
    int second = read_hex(at + 8);
    code = second >= 0xdc00 && second < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00) : -1;
    size = 12;
  }
  if (code < 0 || (code >= 0xd800 && code < 0xe000)) fail(reader, "invalid unicode escape code", at);
  add_utf8(out, code);
  reader->at += size;
}

static void read_escape(Reader *reader, luaL_Buffer *out) {
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  char letter = reader->at[1];
  if (letter == 'u') {
    read_unicode(reader, out);
    return;
  }
  const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
  if (found == NULL) fail(reader, "invalid escape code", reader->at);
  luaL_addchar(out, meanings[found - letters]);
  reader->at += 2;
}

static void read_escaped(Reader *reader, size_t count) {
  luaL_Buffer out;
  luaL_buffinit(reader->L, &out);
  for (;; count = plain(reader)) {
    luaL_addlstring(&out, reader->at, count);
    reader->at += count;
    if (*reader->at == '"') break;
    if (*reader->at != '\\')
      fail(reader, reader->at == reader->end ? "unexpected end of string" : "invalid control character", reader->at);
    read_escape(reader, &out);
  }
  luaL_pushresult(&out);
}

static void read_string(Reader *reader) {
  reader->at++;
  size_t count = plain(reader);
  if (reader->at[count] == '"') {
    lua_pushlstring(reader->L, reader->at, count);
    reader->at += count;
  } else
    read_escaped(reader, count);
  reader->at++;
}

/* --- numbers ------------------------------------------------------------------------------ */

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

static const char *skip_digits(const char *at) {
  while (is_digit(*at)) at++;
  return at;
}

/* Where the number that begins there ends; NULL: it is none of JSON's. `is_float`: it has a fraction or an exponent. */
static const char *end_of_number(const char *at, bool *is_float) {
  if (*at == '-') at++;
  const char *digits = at;
  at = skip_digits(at);
  if (at == digits || (*digits == '0' && at - digits > 1)) return NULL;
  const char *whole = at;
  if (*at == '.') {
    digits = at + 1;
    at = skip_digits(digits);
    if (at == digits) return NULL;
  }
  if (*at == 'e' || *at == 'E') {
    digits = at + 1 + (at[1] == '+' || at[1] == '-');
    at = skip_digits(digits);
    if (at == digits) return NULL;
  }
  *is_float = at != whole;
  return at;
}

/* What Lua does not read: in a locale with another decimal point long ones, and all where that has several bytes. */
static void push_local(lua_State *L, const char *text) {
  const char *local = luaL_gsub(L, text, ".", localeconv()->decimal_point);
  lua_pushnumber(L, (lua_Number)strtod(local, NULL));
  lua_remove(L, -2);
}

/* As Lua reads it: one without fraction and exponent that an integer cannot hold is a float. */
static void push_number(lua_State *L, const char *text, size_t length) {
  char room[NUMBER_SIZE], *copy = length < sizeof room ? room : (char *)lua_newuserdatauv(L, length + 1, 0);
  memcpy(copy, text, length);
  copy[length] = '\0';
  if (lua_stringtonumber(L, copy) == 0) push_local(L, copy);
  if (copy != room) lua_remove(L, -2);
}

static void read_number(Reader *reader) {
  const char *start = reader->at;
  bool is_float, is_negative = *start == '-';
  const char *stop = end_of_number(start, &is_float);
  if (stop == NULL) fail(reader, "invalid number", start);
  reader->at = stop;
  const char *at = start + is_negative;
  if (is_float || stop - at > EXACT) {
    push_number(reader->L, start, (size_t)(stop - start));
    return;
  }
  lua_Integer value = 0;
  while (at < stop) value = value * 10 + (*at++ - '0');
  lua_pushinteger(reader->L, is_negative ? -value : value);
}

/* --- values ---------------------------------------------------------------------------------- */

static void skip_blank(Reader *reader) {
  while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t') reader->at++;
}

static void open_table(Reader *reader) {
  if (++reader->depth > SR_JSON_DEEPEST) fail(reader, "too many nested tables", reader->at);
  luaL_checkstack(reader->L, LUA_MINSTACK, "no room for nested JSON");
  lua_newtable(reader->L);
  reader->at++;
  skip_blank(reader);
}

/* Behind an item: whether another one follows. */
static bool has_more(Reader *reader, char closing, const char *expected) {
  skip_blank(reader);
  bool is_comma = *reader->at == ',';
  if (!is_comma && *reader->at != closing) refuse(reader, expected);
  reader->at++;
  return is_comma;
}

static void read_array(Reader *reader) {
  lua_State *L = reader->L;
  open_table(reader);
  if (*reader->at == ']') {
    reader->at++;
    lua_pushvalue(L, SR_JSON_EMPTY);
    lua_setmetatable(L, -2);
  } else {
    lua_Integer i = 0;
    do {
      read_value(reader);
      lua_rawseti(L, -2, ++i);
    } while (has_more(reader, ']', "',' or ']'"));
  }
  reader->depth--;
}

static void read_field(Reader *reader) {
  skip_blank(reader);
  if (*reader->at != '"') refuse(reader, "a name in quotes");
  read_string(reader);
  skip_blank(reader);
  if (*reader->at != ':') refuse(reader, "':'");
  reader->at++;
  read_value(reader);
  lua_rawset(reader->L, -3);
}

static void read_object(Reader *reader) {
  open_table(reader);
  if (*reader->at == '}')
    reader->at++;
  else
    do read_field(reader);
    while (has_more(reader, '}', "',' or '}'"));
  reader->depth--;
}

static void read_word(Reader *reader, const char *word) {
  size_t length = strlen(word);
  if (strncmp(reader->at, word, length) != 0) refuse(reader, "a value");
  reader->at += length;
}

/* Pushes the value at the cursor, which moves behind it. [-0, +1, v] */
static void read_value(Reader *reader) {
  lua_State *L = reader->L;
  skip_blank(reader);
  switch (*reader->at) {
  case '"': read_string(reader); return;
  case '{': read_object(reader); return;
  case '[': read_array(reader); return;
  case 't': read_word(reader, "true"), lua_pushboolean(L, 1); return;
  case 'f': read_word(reader, "false"), lua_pushboolean(L, 0); return;
  case 'n': read_word(reader, "null"), lua_pushlightuserdata(L, NULL); return;
  default: break;
  }
  if (*reader->at == '-' || is_digit(*reader->at))
    read_number(reader);
  else
    refuse(reader, "a value");
}

int sr_json_l_decode(lua_State *L) {
  size_t length;
  if (lua_type(L, 1) != LUA_TSTRING)
    return sr_json_saros->arg_error(L, "decode", 1, "string expected, got %s", luaL_typename(L, 1));
  const char *text = lua_tolstring(L, 1, &length), *end = text + length;
  if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
  Reader reader = {.L = L, .start = text, .end = end, .at = text};
  lua_settop(L, 1);
  read_value(&reader);
  skip_blank(&reader);
  if (reader.at != end) refuse(&reader, "the end");
  return 1;
}
