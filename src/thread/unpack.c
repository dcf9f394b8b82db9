/* SPDX-License-Identifier: MIT */
/* Values out of a message, see unpack.h. */
#include "thread/unpack.h"

#include <lauxlib.h>
#include <string.h>

#include "thread/error_meta.h"
#include "thread/library.h"

typedef struct Unpacker {
  lua_State *L;
  const SrThreadMessage *message;
  const char *at;
  int objects;    /* stack index of the list of them */
  uint32_t count; /* of objects */
} Unpacker;

/* --- bytes ------------------------------------------------------------------- */

static void get(Unpacker *u, void *bytes, size_t count) {
  memcpy(bytes, u->at, count);
  u->at += count;
}

static SrThreadTag get_tag(Unpacker *u) {
  return (SrThreadTag)(unsigned char)*u->at++;
}

static uint32_t get_number(Unpacker *u) {
  uint32_t number;
  get(u, &number, sizeof number);
  return number;
}

/* Pushes a string. */
static void get_string(Unpacker *u) {
  size_t length = get_number(u);
  lua_pushlstring(u->L, u->at, length);
  u->at += length;
}

static void get_block(Unpacker *u) {
  const SrThreadBlock *block = &u->message->blocks[get_number(u)];
  lua_pushlstring(u->L, block->bytes, block->length);
}

/* --- objects ------------------------------------------------------------------- */

/* The object on top has the next number. */
static void note_object(Unpacker *u) {
  lua_pushvalue(u->L, -1);
  lua_rawseti(u->L, u->objects, (lua_Integer)++u->count);
}

static void get_table(Unpacker *u, bool is_error) {
  lua_createtable(u->L, (int)get_number(u), 0);
  if (is_error) {
    sr_thread_push_error_meta(u->L);
    lua_setmetatable(u->L, -2);
  }
  note_object(u);
}

/* Its upvalues come later; what loads code sets the first one. */
static void get_function(Unpacker *u) {
  lua_State *L = u->L;
  size_t length = get_number(u);
  if (luaL_loadbufferx(L, u->at, length, "=job", "b") != LUA_OK) lua_error(L);
  u->at += length;
  if (lua_getupvalue(L, -1, 1) != NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_setupvalue(L, -2, 1);
  }
  note_object(u);
}

/* --- what travels by name -------------------------------------------------------- */

/* Pushes the module whose name comes. */
static void get_module(Unpacker *u) {
  lua_State *L = u->L;
  get_string(u);
  const char *name = lua_tostring(L, -1);
  if (strcmp(name, LUA_GNAME) == 0)
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  else
    sr_thread_push_module(L, name);
  lua_replace(L, -2);
}

/* The field "" is the module itself. */
static void get_library(Unpacker *u) {
  lua_State *L = u->L;
  get_module(u);
  get_string(u);
  if (lua_rawlen(L, -1) == 0)
    lua_pop(L, 1);
  else {
    lua_gettable(L, -2);
    lua_replace(L, -2);
  }
}

/* --- values ---------------------------------------------------------------------- */

static void get_numeral(Unpacker *u, SrThreadTag tag) {
  lua_Integer integer;
  lua_Number number;
  if (tag == SR_TAG_INTEGER) {
    get(u, &integer, sizeof integer);
    lua_pushinteger(u->L, integer);
  } else {
    get(u, &number, sizeof number);
    lua_pushnumber(u->L, number);
  }
}

static void get_pointer(Unpacker *u) {
  void *pointer;
  get(u, &pointer, sizeof pointer);
  lua_pushlightuserdata(u->L, pointer);
}

/* Pushes the value that begins with this tag. */
static void get_value(Unpacker *u, SrThreadTag tag) {
  switch (tag) {
  case SR_TAG_FALSE: lua_pushboolean(u->L, 0); break;
  case SR_TAG_TRUE: lua_pushboolean(u->L, 1); break;
  case SR_TAG_INTEGER:
  case SR_TAG_NUMBER: get_numeral(u, tag); break;
  case SR_TAG_POINTER: get_pointer(u); break;
  case SR_TAG_STRING: get_string(u); break;
  case SR_TAG_BLOCK: get_block(u); break;
  case SR_TAG_OBJECT: lua_rawgeti(u->L, u->objects, (lua_Integer)get_number(u)); break;
  case SR_TAG_TABLE:
  case SR_TAG_ERROR: get_table(u, tag == SR_TAG_ERROR); break;
  case SR_TAG_FUNCTION: get_function(u); break;
  case SR_TAG_MODULE: get_module(u); break;
  case SR_TAG_LIBRARY: get_library(u); break;
  default: lua_pushnil(u->L); break;
  }
}

/* --- what is in an object ---------------------------------------------------------- */

/* The table is on top. A key may be nil: a function of a module that has it no more. */
static void get_fields(Unpacker *u) {
  lua_State *L = u->L;
  SrThreadTag tag;
  while ((tag = get_tag(u)) != SR_TAG_END) {
    get_value(u, tag);
    get_value(u, get_tag(u));
    if (lua_isnil(L, -2))
      lua_pop(L, 2);
    else
      lua_rawset(L, -3);
  }
  get_value(u, get_tag(u));
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else
    lua_setmetatable(L, -2);
}

/* The function is on top. */
static void get_upvalues(Unpacker *u) {
  lua_State *L = u->L;
  for (int i = 1; lua_getupvalue(L, -1, i) != NULL; i++) {
    lua_pop(L, 1);
    SrThreadTag tag = get_tag(u);
    if (tag == SR_TAG_SHARED) {
      lua_rawgeti(L, u->objects, (lua_Integer)get_number(u));
      lua_upvaluejoin(L, -2, i, -1, (int)get_number(u));
      lua_pop(L, 1);
    } else {
      get_value(u, tag);
      lua_setupvalue(L, -2, i);
    }
  }
}

/* --- all of it ----------------------------------------------------------------------- */

int sr_thread_unpack(lua_State *L, const SrThreadMessage *message) {
  Unpacker u = {.L = L, .message = message, .at = sr_buffer_front(&message->bytes)};
  sr_thread_check_stack(L, message->values);
  lua_newtable(L);
  u.objects = lua_gettop(L);
  for (int i = 0; i < message->values; i++) get_value(&u, get_tag(&u));
  for (uint32_t number = 1; number <= u.count; number++) {
    lua_rawgeti(L, u.objects, (lua_Integer)number);
    if (lua_istable(L, -1))
      get_fields(&u);
    else
      get_upvalues(&u);
    lua_pop(L, 1);
  }
  lua_remove(L, u.objects);
  return message->values;
}
