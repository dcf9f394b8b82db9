/* SPDX-License-Identifier: MIT */
/* Snapshots of tables, see snapshot.h. */
#include "thread/snapshot.h"

#include <stdint.h>
#include <string.h>

/* A value without the value: its address, or if it has none what it is. */
typedef struct Mark {
  const void *address;
  int type;
  uint64_t bits;
} Mark;

typedef struct Field {
  Mark key, value;
} Field;

/* Integers and floats are two types. */
static Mark mark_number(lua_State *L, int index) {
  Mark mark = {.address = NULL, .type = LUA_TNUMBER, .bits = 0};
  if (lua_isinteger(L, index)) {
    mark.bits = (uint64_t)lua_tointeger(L, index);
    return mark;
  }
  lua_Number number = lua_tonumber(L, index);
  mark.type = -LUA_TNUMBER;
  memcpy(&mark.bits, &number, sizeof number < sizeof mark.bits ? sizeof number : sizeof mark.bits);
  return mark;
}

static Mark mark_of(lua_State *L, int index) {
  Mark mark = {.address = lua_topointer(L, index)};
  if (mark.address != NULL) return mark;
  mark.type = lua_type(L, index);
  if (mark.type == LUA_TNUMBER) return mark_number(L, index);
  mark.bits = (uint64_t)lua_toboolean(L, index);
  return mark;
}

/* Most values have an address, which is all that has to be looked at. */
static bool is_marked(lua_State *L, int index, const Mark *mark) {
  if (mark->address != NULL) return lua_topointer(L, index) == mark->address;
  Mark present = mark_of(L, index);
  return present.address == NULL && present.type == mark->type && present.bits == mark->bits;
}

/* Key and value are on top. */
static bool is_field(lua_State *L, const Field *field) {
  return is_marked(L, -2, &field->key) && is_marked(L, -1, &field->value);
}

static size_t count_fields(lua_State *L, int table) {
  size_t count = 0;
  lua_pushnil(L);
  for (; lua_next(L, table) != 0; count++) lua_pop(L, 1);
  return count;
}

/* Making it may run finalizers, which may change the table: the snapshot is of what is there afterwards, at most. */
void sr_thread_push_snapshot(lua_State *L, int table) {
  size_t count = count_fields(L, table), i = 0;
  Field *fields = (Field *)lua_newuserdatauv(L, count * sizeof *fields, 0);
  memset((void *)fields, 0, count * sizeof *fields);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (i < count) fields[i++] = (Field){mark_of(L, -2), mark_of(L, -1)};
    lua_pop(L, 1);
  }
}

bool sr_thread_is_unchanged(lua_State *L, int table, int snapshot) {
  const Field *fields = (const Field *)lua_touserdata(L, snapshot);
  size_t count = lua_rawlen(L, snapshot) / sizeof *fields, i = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (i == count || !is_field(L, &fields[i++])) return lua_pop(L, 2), false;
    lua_pop(L, 1);
  }
  return i == count;
}

lua_Integer sr_thread_snapshot_size(lua_State *L, int snapshot) {
  return (lua_Integer)(lua_rawlen(L, snapshot) / sizeof(Field));
}
