/* SPDX-License-Identifier: MIT */
/* Values into a message, see pack.h. */
#include "thread/pack.h"

#include <lauxlib.h>
#include <string.h>

#include "thread/error_meta.h"
#include "thread/library.h"
#include "thread/refusal.h"

/* What stands on the stack, from `base` on. */
enum {
  SEEN = 1,   /* by object its number, by the id of an upvalue and the address of a long string its place */
  OBJECTS,    /* by number; by -n the string of block n */
  PARENTS,    /* see refusal.h */
  MODULES,    /* names, see library.h; nil until they are wanted */
  ERROR_META, /* of Error objects */
  FRAME = ERROR_META
};

typedef struct Packer {
  lua_State *L;
  SrThreadMessage *message;
  int base;
  uint32_t count; /* of objects */
  uint32_t owner; /* the object whose contents are packed, 0: none yet */
  int value;      /* then the number of the value that is packed */
} Packer;

/* Upvalues of a function fit in it: the number of a function times this, and that of the upvalue, are one integer. */
enum { UPVALUES = 256 };

static int at(const Packer *p, int slot) {
  return p->base + slot;
}

/* --- bytes ------------------------------------------------------------------- */

static void raise_memory_error(const Packer *p) {
  lua_pushliteral(p->L, "not enough memory");
  lua_error(p->L);
}

static void put(Packer *p, const void *bytes, size_t count) {
  if (!sr_buffer_append(&p->message->bytes, (const char *)bytes, count)) raise_memory_error(p);
}

static void put_tag(Packer *p, SrThreadTag tag) {
  char byte = (char)tag;
  put(p, &byte, 1);
}

static void put_number(Packer *p, size_t number) {
  uint32_t small = (uint32_t)number;
  put(p, &small, sizeof small);
}

static void put_text(Packer *p, SrThreadTag tag, const char *text, size_t length) {
  put_tag(p, tag);
  put_number(p, length);
  put(p, text, length);
}

/* --- strings ----------------------------------------------------------------- */

/* The one at `index`, which may be met again: its address is remembered, and it is kept. */
static void put_block(Packer *p, int index, const char *text, size_t length) {
  lua_State *L = p->L;
  uint32_t number = p->message->count;
  if (lua_rawgetp(L, at(p, SEEN), text) == LUA_TNIL) {
    if (!sr_thread_message_add(p->message, text, length)) raise_memory_error(p);
    lua_pushvalue(L, index);
    lua_rawseti(L, at(p, OBJECTS), -(lua_Integer)number);
    lua_pushinteger(L, (lua_Integer)number);
    lua_rawsetp(L, at(p, SEEN), text);
  } else
    number = (uint32_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  put_tag(p, SR_TAG_BLOCK);
  put_number(p, number);
}

static void put_string(Packer *p, int index) {
  size_t length;
  const char *text = lua_tolstring(p->L, index, &length);
  if (length > SR_THREAD_SHORT)
    put_block(p, index, text, length);
  else
    put_text(p, SR_TAG_STRING, text, length);
}

/* --- what travels by name ------------------------------------------------------ */

/* The name on top if another state can load the module that it begins with, else NULL. */
static const char *loadable_name(Packer *p, size_t *length) {
  const char *name = lua_tolstring(p->L, -1, length);
  return name != NULL && sr_thread_is_loadable(p->L, name) ? name : NULL;
}

static bool put_module(Packer *p, int index) {
  lua_State *L = p->L;
  size_t length;
  if (lua_isnil(L, at(p, MODULES))) {
    sr_thread_push_modules(L);
    lua_replace(L, at(p, MODULES));
  }
  lua_pushvalue(L, index);
  lua_rawget(L, at(p, MODULES));
  const char *name = loadable_name(p, &length);
  if (name != NULL) put_text(p, SR_TAG_MODULE, name, length);
  lua_pop(L, 1);
  return name != NULL;
}

static bool put_library(Packer *p, int index) {
  size_t length;
  sr_thread_push_function_name(p->L, index);
  const char *name = loadable_name(p, &length);
  if (name != NULL) {
    size_t module = strlen(name);
    put_text(p, SR_TAG_LIBRARY, name, module);
    put_number(p, length - module - 1);
    put(p, name + module + 1, length - module - 1);
  }
  lua_pop(p->L, 1);
  return name != NULL;
}

static bool has_library_name(Packer *p, int index) {
  size_t length;
  sr_thread_push_function_name(p->L, index);
  bool has = loadable_name(p, &length) != NULL;
  lua_pop(p->L, 1);
  return has;
}

/* --- objects ------------------------------------------------------------------- */

/* Gives the object at `index` the next number. */
static void note_object(Packer *p, int index) {
  lua_State *L = p->L;
  if (++p->count >= INT32_MAX) luaL_error(L, "too many tables for one message");
  lua_pushvalue(L, index);
  lua_pushinteger(L, (lua_Integer)p->count);
  lua_rawset(L, at(p, SEEN));
  lua_pushvalue(L, index);
  lua_rawseti(L, at(p, OBJECTS), (lua_Integer)p->count);
  lua_pushinteger(L, p->owner > 0 ? (lua_Integer)p->owner : -(lua_Integer)p->value);
  lua_rawseti(L, at(p, PARENTS), (lua_Integer)p->count);
}

/* Whether the object at `index` was met before, and is named by its number. */
static bool put_seen(Packer *p, int index) {
  lua_State *L = p->L;
  lua_pushvalue(L, index);
  bool is_seen = lua_rawget(L, at(p, SEEN)) != LUA_TNIL;
  if (is_seen) {
    put_tag(p, SR_TAG_OBJECT);
    put_number(p, (size_t)lua_tointeger(L, -1));
  }
  lua_pop(L, 1);
  return is_seen;
}

static bool is_error(Packer *p, int index) {
  lua_State *L = p->L;
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  bool is = lua_rawequal(L, -1, at(p, ERROR_META));
  lua_pop(L, 1);
  return is;
}

static void put_table(Packer *p, int index) {
  if (put_seen(p, index) || put_module(p, index)) return;
  note_object(p, index);
  put_tag(p, is_error(p, index) ? SR_TAG_ERROR : SR_TAG_TABLE);
  put_number(p, lua_rawlen(p->L, index) & INT32_MAX);
}

static int write_code(lua_State *L, const void *bytes, size_t count, void *packer) {
  (void)L;
  return !sr_buffer_append(&((Packer *)packer)->message->bytes, (const char *)bytes, count);
}

static void put_code(Packer *p, int index) {
  lua_State *L = p->L;
  note_object(p, index);
  put_tag(p, SR_TAG_FUNCTION);
  put_number(p, 0);
  size_t start = p->message->bytes.size;
  lua_pushvalue(L, index);
  if (lua_dump(L, write_code, p, 0) != 0) raise_memory_error(p);
  uint32_t length = (uint32_t)(p->message->bytes.size - start);
  memcpy(p->message->bytes.data + start - sizeof length, &length, sizeof length);
  lua_pop(L, 1);
}

/* False: it is in no module. */
static bool put_function(Packer *p, int index) {
  if (lua_iscfunction(p->L, index)) return put_library(p, index);
  if (!put_seen(p, index)) put_code(p, index);
  return true;
}

/* --- values ---------------------------------------------------------------------- */

static void put_pointer(Packer *p, int index) {
  void *pointer = lua_touserdata(p->L, index);
  put_tag(p, SR_TAG_POINTER);
  put(p, &pointer, sizeof pointer);
}

static void put_numeral(Packer *p, int index) {
  if (lua_isinteger(p->L, index)) {
    lua_Integer integer = lua_tointeger(p->L, index);
    put_tag(p, SR_TAG_INTEGER);
    put(p, &integer, sizeof integer);
  } else {
    lua_Number number = lua_tonumber(p->L, index);
    put_tag(p, SR_TAG_NUMBER);
    put(p, &number, sizeof number);
  }
}

/* False: it cannot be copied. */
static bool put_value(Packer *p, int index) {
  index = lua_absindex(p->L, index);
  switch (lua_type(p->L, index)) {
  case LUA_TNIL: put_tag(p, SR_TAG_NIL); return true;
  case LUA_TBOOLEAN: put_tag(p, lua_toboolean(p->L, index) ? SR_TAG_TRUE : SR_TAG_FALSE); return true;
  case LUA_TNUMBER: put_numeral(p, index); return true;
  case LUA_TSTRING: put_string(p, index); return true;
  case LUA_TLIGHTUSERDATA: put_pointer(p, index); return true;
  case LUA_TTABLE: put_table(p, index); return true;
  case LUA_TFUNCTION: return put_function(p, index);
  default: return false;
  }
}

/* --- what is in an object ---------------------------------------------------------- */

/* Whether a value, seen from the outside, can be copied. */
static bool is_portable(Packer *p, int index) {
  int type = lua_type(p->L, index);
  if (type == LUA_TFUNCTION) return !lua_iscfunction(p->L, index) || has_library_name(p, index);
  return type != LUA_TUSERDATA && type != LUA_TTHREAD;
}

/* The same for a field of an Error object: what belongs to this state alone (a task, a response) stays behind. */
static bool is_portable_detail(Packer *p, int index) {
  if (!is_portable(p, index)) return false;
  if (!lua_istable(p->L, index) || !lua_getmetatable(p->L, index)) return true;
  lua_pop(p->L, 1);
  return is_error(p, index);
}

/* The table is on top. False: a field cannot be copied, and its key and value are on top. [-0, +(0|2), m] */
static bool put_fields(Packer *p) {
  lua_State *L = p->L;
  int table = lua_gettop(L);
  bool is_detail = is_error(p, table);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (!is_detail || is_portable_detail(p, table + 2)) {
      if (!put_value(p, table + 1) || !put_value(p, table + 2)) return false;
    }
    lua_pop(L, 1);
  }
  put_tag(p, SR_TAG_END);
  return true;
}

/* Metatables of C code, which mean nothing elsewhere, stay behind: those with a field that cannot be copied. */
static bool is_portable_metatable(Packer *p, int index) {
  lua_State *L = p->L;
  bool is = true;
  lua_pushnil(L);
  while (is && lua_next(L, index) != 0) {
    is = is_portable(p, index + 2);
    lua_pop(L, 1);
  }
  if (!is) lua_pop(L, 1);
  return is;
}

/* The metatable of the table on top. */
static void put_metatable(Packer *p) {
  lua_State *L = p->L;
  int table = lua_gettop(L);
  if (is_error(p, table) || !lua_getmetatable(L, table)) {
    put_tag(p, SR_TAG_NIL);
    return;
  }
  if (is_portable_metatable(p, table + 1))
    put_table(p, table + 1);
  else
    put_tag(p, SR_TAG_NIL);
  lua_pop(L, 1);
}

/* Whether that upvalue is one that another function has, too, and was met there. */
static bool put_shared(Packer *p, int function, int number) {
  lua_State *L = p->L;
  void *id = lua_upvalueid(L, function, number);
  bool is_shared = lua_rawgetp(L, at(p, SEEN), id) != LUA_TNIL;
  if (is_shared) {
    lua_Integer place = lua_tointeger(L, -1);
    put_tag(p, SR_TAG_SHARED);
    put_number(p, (size_t)(place / UPVALUES));
    put_number(p, (size_t)(place % UPVALUES));
  } else {
    lua_pushinteger(L, (lua_Integer)p->owner * UPVALUES + number);
    lua_rawsetp(L, at(p, SEEN), id);
  }
  lua_pop(L, 1);
  return is_shared;
}

/* The function is on top. NULL; or the name of the upvalue that cannot be copied, which is on top. [-0, +(0|1), m] */
static const char *put_upvalues(Packer *p) {
  lua_State *L = p->L;
  int function = lua_gettop(L);
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, function, i)) != NULL; i++) {
    bool ok = true;
    if (strcmp(name, "_ENV") == 0)
      put_text(p, SR_TAG_MODULE, LUA_GNAME, sizeof LUA_GNAME - 1);
    else if (!put_shared(p, function, i))
      ok = put_value(p, function + 1);
    if (!ok) return name;
    lua_pop(L, 1);
  }
  return NULL;
}

/* Why the value on top cannot be copied, to which the step on top of it leads, takes the place of the frame. */
static int refuse(Packer *p, int index) {
  lua_State *L = p->L;
  SrThreadTrail trail = {at(p, OBJECTS), at(p, PARENTS)};
  int value = sr_thread_refuse(L, trail, p->owner, index);
  lua_replace(L, at(p, 1));
  lua_settop(L, at(p, 1));
  return value;
}

/* The key and the value of the field are on top. */
static int refuse_field(Packer *p) {
  lua_State *L = p->L;
  int key = lua_gettop(L) - 1;
  if (!is_portable(p, key)) {
    lua_pushliteral(L, "a key");
    return refuse(p, key);
  }
  sr_thread_push_field(L, key);
  return refuse(p, key + 1);
}

/* Packs what is in the object `p->owner`. 0; or the number of the value below which something cannot be copied. */
static int put_contents(Packer *p) {
  lua_State *L = p->L;
  lua_rawgeti(L, at(p, OBJECTS), (lua_Integer)p->owner);
  int object = lua_gettop(L);
  if (lua_istable(L, object)) {
    if (!put_fields(p)) return refuse_field(p);
    put_metatable(p);
  } else {
    const char *name = put_upvalues(p);
    if (name != NULL) return lua_pushfstring(L, "upvalue '%s'", name), refuse(p, object + 1);
  }
  lua_settop(L, object - 1);
  return 0;
}

/* --- all of it ----------------------------------------------------------------------- */

static void push_frame(Packer *p) {
  lua_State *L = p->L;
  sr_thread_check_stack(L, FRAME);
  p->base = lua_gettop(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushnil(L);
  sr_thread_push_error_meta(L);
}

int sr_thread_pack(lua_State *L, SrThreadMessage *message, int first, int count) {
  Packer p = {.L = L, .message = message};
  push_frame(&p);
  message->values = count;
  while (p.value < count) {
    p.value++;
    if (put_value(&p, first + p.value - 1)) continue;
    lua_pushliteral(L, "");
    refuse(&p, first + p.value - 1);
    return p.value;
  }
  while (p.owner < p.count) {
    p.owner++;
    int value = put_contents(&p);
    if (value != 0) return value;
  }
  lua_settop(L, p.base);
  return 0;
}
