/* SPDX-License-Identifier: MIT */
/*
** JSON written, see encode.h.
**
** Whatever allocates runs finalizers, and `pairs` of a table may run anything, so no table may be trusted to be the
** same afterwards. Invariant: all that C points to, the text so far and the names of the objects that are under way, is
** held by the stack; what is raised anywhere leaves nothing behind.
*/
#include "json/encode.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "json/api.h"
#include "json/text.h"

/* The name of a field. */
typedef struct Name {
  const char *bytes;
  size_t length;
  lua_Integer place; /* in the table that holds it */
} Name;

enum {
  ROOM = 4096,     /* bytes of text that need no memory */
  FEW = 16,        /* names that need no memory */
  NUMBER_SIZE = 48 /* what a number takes as text, with room to spare */
};

/* The stack below the values: what holds the names, the text, the array of names. */
enum { NAMES = 2, TEXT, ARRAY };

typedef struct Writer {
  lua_State *L;
  const void *array;  /* the metatable of arrays */
  int depth;          /* of tables that are not complete */
  char *text;         /* so far */
  size_t size, room;  /* of it */
  Name *names;        /* of the objects that are not complete, those of the outermost first */
  size_t count, most; /* of them */
} Writer;

static void write_value(Writer *writer);

static void fail(lua_State *L, const char *message, const char *detail) {
  sr_json_saros->push_error(L, "JSONError", "EJSON", message, detail);
  lua_error(L);
}

/* --- the text ------------------------------------------------------------------------------ */

/* Memory that the stack holds at `slot`, with what has been there. [-0, +0, m] */
static void *move(lua_State *L, int slot, const void *from, size_t size, size_t room) {
  void *memory = lua_newuserdatauv(L, room, 0);
  memcpy(memory, from, size);
  lua_replace(L, slot);
  return memory;
}

/* Where the next bytes go, at most `count` of them. */
static char *reserve(Writer *writer, size_t count) {
  if (writer->room - writer->size < count) {
    size_t room = writer->room * 2 + count;
    writer->text = (char *)move(writer->L, TEXT, writer->text, writer->size, room);
    writer->room = room;
  }
  return writer->text + writer->size;
}

static void put(Writer *writer, const char *bytes, size_t count) {
  memcpy(reserve(writer, count), bytes, count);
  writer->size += count;
}

static void put_byte(Writer *writer, char byte) {
  *reserve(writer, 1) = byte;
  writer->size++;
}

/* --- strings and numbers --------------------------------------------------------------------- */

static void put_escape(Writer *writer, unsigned char byte) {
  static const char digits[] = "0123456789abcdef";
  switch (byte) {
  case '"': put(writer, "\\\"", 2); return;
  case '\\': put(writer, "\\\\", 2); return;
  case '\n': put(writer, "\\n", 2); return;
  case '\r': put(writer, "\\r", 2); return;
  case '\t': put(writer, "\\t", 2); return;
  default: break;
  }
  char code[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
  put(writer, code, sizeof code);
}

static void put_string(Writer *writer, const char *bytes, size_t length) {
  put_byte(writer, '"');
  while (true) {
    size_t plain = sr_json_plain(bytes, length);
    put(writer, bytes, plain);
    if (plain == length) break;
    put_escape(writer, (unsigned char)bytes[plain]);
    bytes += plain + 1, length -= plain + 1;
  }
  put_byte(writer, '"');
}

static void put_integer(Writer *writer, lua_Integer value) {
  char digits[NUMBER_SIZE], *at = digits + sizeof digits;
  lua_Unsigned rest = value < 0 ? 0 - (lua_Unsigned)value : (lua_Unsigned)value;
  do *--at = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (value < 0) *--at = '-';
  put(writer, at, (size_t)(digits + sizeof digits - at));
}

/* With as many digits as tell it from all others, and always recognized as a float. */
static void put_float(Writer *writer, double value) {
  char digits[NUMBER_SIZE];
  if (!isfinite(value)) fail(writer->L, "cannot encode a number that is not finite", NULL);
  snprintf(digits, sizeof digits, "%.14g", value);
  if (strtod(digits, NULL) != value) snprintf(digits, sizeof digits, "%.17g", value);
  put(writer, digits, sr_decimal_plain(digits));
  if (strpbrk(digits, ".e") == NULL) put(writer, ".0", 2);
}

/* --- arrays ---------------------------------------------------------------------------------- */

/* Nothing of the table on top may be lost: all keys are of 1 to `count`. How many there are. */
static lua_Integer count_items(lua_State *L, lua_Integer count) {
  lua_Integer items = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1), items++) {
    lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
    if (key < 1 || key > count) return -1;
  }
  return items;
}

/* Writes the table on top; holes are nulls where it may have them. */
static void write_array(Writer *writer, lua_Integer count, bool may_have_holes) {
  lua_State *L = writer->L;
  lua_Integer items = count_items(L, count);
  if (items < 0 || (items < count && !may_have_holes))
    fail(L, "cannot encode a table with list and record fields, or a list with holes", NULL);
  put_byte(writer, '[');
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) put_byte(writer, ',');
    lua_rawgeti(L, -1, i);
    write_value(writer);
    lua_pop(L, 1);
  }
  put_byte(writer, ']');
}

/* --- objects ----------------------------------------------------------------------------------- */

static int compare_names(const void *first, const void *second) {
  const Name *a = (const Name *)first, *b = (const Name *)second;
  int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
  return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Keeps the name on top. [-1, +0, m] */
static void add_name(Writer *writer) {
  lua_State *L = writer->L;
  Name name = {.place = (lua_Integer)writer->count + 1};
  if (writer->count == writer->most) {
    size_t most = writer->most * 2;
    writer->names = (Name *)move(L, ARRAY, writer->names, writer->count * sizeof(Name), most * sizeof(Name));
    writer->most = most;
  }
  name.bytes = lua_tolstring(L, -1, &name.length);
  lua_rawseti(L, NAMES, name.place);
  writer->names[writer->count++] = name;
}

/* Adds the names of the table on top, in order. */
static void add_names(Writer *writer) {
  lua_State *L = writer->L;
  size_t first = writer->count;
  for (lua_pushnil(L); lua_next(L, -2) != 0;) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) fail(L, "cannot encode a table with a key of type %s", luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    add_name(writer);
  }
  if (writer->count - first > 1) qsort(writer->names + first, writer->count - first, sizeof(Name), compare_names);
}

/* Whether the table on top, where there is nothing in it, is a list: one that was read or that a function has made. */
static bool is_list(lua_State *L) {
  if (luaL_getmetafield(L, -1, "__jsontype") == LUA_TNIL) return false;
  bool is_array = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "array") == 0;
  lua_pop(L, 1);
  return is_array;
}

/* Writes the table on top. */
static void write_object(Writer *writer) {
  lua_State *L = writer->L;
  size_t first = writer->count;
  add_names(writer);
  size_t last = writer->count;
  if (first == last && is_list(L)) {
    put(writer, "[]", 2);
    return;
  }
  put_byte(writer, '{');
  for (size_t i = first; i < last; i++) {
    Name name = writer->names[i];
    if (i > first) put_byte(writer, ',');
    put_string(writer, name.bytes, name.length);
    put_byte(writer, ':');
    lua_rawgeti(L, NAMES, name.place);
    lua_rawget(L, -2);
    write_value(writer);
    lua_pop(L, 1);
  }
  put_byte(writer, '}');
  writer->count = first;
}

/* --- values -------------------------------------------------------------------------------------- */

/* The table on top gives way to what `pairs` says of it, if it has a say in that. */
static bool has_own_pairs(lua_State *L) {
  if (luaL_getmetafield(L, -1, "__pairs") == LUA_TNIL) return false;
  lua_pop(L, 1);
  lua_pushvalue(L, SR_JSON_PLAIN);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  return true;
}

static bool is_marked(const Writer *writer) {
  if (!lua_getmetatable(writer->L, -1)) return false;
  bool is_array = lua_topointer(writer->L, -1) == writer->array;
  lua_pop(writer->L, 1);
  return is_array;
}

/* Writes the table on top: an array if it is marked or has exactly the keys 1 to n. */
static void write_table(Writer *writer) {
  lua_State *L = writer->L;
  if (++writer->depth > SR_JSON_DEEPEST) fail(L, "cannot encode a table nested so deep (or in itself)", NULL);
  luaL_checkstack(L, LUA_MINSTACK, "no room for nested tables");
  bool is_object = has_own_pairs(L), is_array = is_marked(writer);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (is_array || (count > 0 && !is_object))
    write_array(writer, count, is_array);
  else
    write_object(writer);
  writer->depth--;
}

/* Writes the value on top, which something else may take the place of. [-0, +0, v] */
static void write_value(Writer *writer) {
  lua_State *L = writer->L;
  size_t length;
  const char *bytes;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    bytes = lua_tolstring(L, -1, &length);
    put_string(writer, bytes, length);
    return;
  case LUA_TNUMBER:
    if (lua_isinteger(L, -1))
      put_integer(writer, lua_tointeger(L, -1));
    else
      put_float(writer, (double)lua_tonumber(L, -1));
    return;
  case LUA_TBOOLEAN: lua_toboolean(L, -1) ? put(writer, "true", 4) : put(writer, "false", 5); return;
  case LUA_TTABLE: write_table(writer); return;
  case LUA_TNIL: put(writer, "null", 4); return;
  default: break;
  }
  if (!lua_islightuserdata(L, -1) || lua_touserdata(L, -1) != NULL) fail(L, "cannot encode a %s", luaL_typename(L, -1));
  put(writer, "null", 4);
}

int sr_json_l_encode(lua_State *L) {
  char text[ROOM];
  Name names[FEW];
  Writer writer = {
      .L = L, .array = lua_topointer(L, SR_JSON_ARRAY), .text = text, .room = ROOM, .names = names, .most = FEW};
  lua_settop(L, 1);
  lua_newtable(L);
  lua_settop(L, ARRAY);
  lua_pushvalue(L, 1);
  write_value(&writer);
  lua_pushlstring(L, writer.text, writer.size);
  return 1;
}
